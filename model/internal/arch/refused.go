package arch

import (
	"fmt"
	"slices"
	"strings"
)

// refused are kinds of published models that golens does not run: why, and what to do.
var refused = []struct{ types, why string }{
	{"mamba mamba2 falcon_mamba rwkv recurrent_gemma jamba bamba zamba zamba2 nemotron_h falcon_h1 granitemoehybrid lfm2 qwen3_next xlstm",
		"carries a state from position to position, where golens' blocks read keys and values that stay once they are computed (Mamba in model/FAMILIES.md); " +
			"a transformer trained on the same text stands beside many of them, as Pythia beside Mamba: open that"},
	{"t5 mt5 umt5 bart mbart pegasus marian m2m_100 led longt5 blenderbot prophetnet whisper",
		"is an encoder and a decoder joined by cross attention, which golens' blocks do not have; open an encoder or a decoder"},
	{"gemma3 gemma3n llava llava_next mllama llama4 mistral3 paligemma idefics3 smolvlm qwen2_vl qwen2_5_vl qwen3_vl internvl phi4_multimodal",
		"is a model of images with a language model inside; save that by itself (in transformers, model.language_model.save_pretrained(FOLDER), with the tokenizer) and open " +
			"the folder, if its own model_type is one of those below"},
	{"vit clip siglip dinov2 wav2vec2 hubert", "reads no text"},
	{"bloom mpt baichuan", "adds a bias of distance to its scores (ALiBi), which is not implemented"},
	{"deepseek_v2 deepseek_v3 kimi_k2 minicpm3", "computes keys and values from a compressed one (multi-head latent attention), which is not implemented"},
	{"gpt_oss", "has a sink beside the scores of every head, which is not implemented"},
	{"qwen2_moe dbrx deepseek olmoe phimoe granitemoe ernie4_5_moe glm4_moe", "routes tokens to experts in another way than Mixtral and Qwen 3, which is not implemented"},
	{"deberta deberta-v2 xlnet transfo-xl", "scores distances between positions, which is not implemented"},
	{"albert", "runs one block again and again, which is not implemented"},
}

// unknown says that there is no such family, and, where it is known, why.
func unknown(modelType string) error {
	if modelType == "" {
		return fmt.Errorf("no model_type is said; known: %s", strings.Join(Families(), ", "))
	}
	for _, kind := range refused {
		if slices.Contains(strings.Fields(kind.types), modelType) {
			return fmt.Errorf("a model of type %s %s; known: %s", modelType, kind.why, strings.Join(Families(), ", "))
		}
	}
	return fmt.Errorf("the model_type %q is not known; known: %s", modelType, strings.Join(Families(), ", "))
}
