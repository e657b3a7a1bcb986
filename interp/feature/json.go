package feature

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/golens/golens/model/files"
)

// Naming is how a graph is called where it is shown, and where pages of its features
// are. Neuronpedia shows them by SourceSet, or from URL by the number that a node has.
type Naming struct {
	Slug string // of the file; "" means "graph"
	Scan string // of the transcoders, as circuit-tracer names them; on Neuronpedia the model, as gemma-2-2b

	SourceSet string // of the transcoders on Neuronpedia, as gemmascope-transcoder-16k
	URL       string // folder of pages ([Page.FeatureJSON]), NUMBER.json
}

// visible is what the front end has for white space.
var visible = strings.NewReplacer("\n", "⏎", "\t", "→", "\r", "↵")

func shown(tokens []string) []string {
	out := make([]string, len(tokens))
	for i, t := range tokens {
		out[i] = visible.Replace(t)
	}
	return out
}

// JSON is the graph as circuit-tracer's front end and Neuronpedia read it (its schema
// 1.0.0). Errors are features -1 of their layer, so that no id is that of a feature.
// Front ends that go by jsNodeId find each node once, as by node_id.
func (p *Pruned) JSON(n Naming) ([]byte, error) {
	if n.Slug == "" {
		n.Slug = "graph"
	}
	type node struct {
		ID         string   `json:"node_id"`
		Feature    int      `json:"feature"`
		Layer      string   `json:"layer"`
		Pos        int      `json:"ctx_idx"`
		Type       string   `json:"feature_type"`
		Prob       float64  `json:"token_prob"`
		Target     bool     `json:"is_target_logit"`
		Run        int      `json:"run_idx"`
		Reverse    int      `json:"reverse_ctx_idx"`
		JS         string   `json:"jsNodeId"`
		Clerp      string   `json:"clerp"`
		Influence  *float64 `json:"influence"`
		Activation *float64 `json:"activation"`
	}
	type link struct {
		Source string  `json:"source"`
		Target string  `json:"target"`
		Weight float64 `json:"weight"`
	}
	out := struct {
		Metadata any    `json:"metadata"`
		Params   any    `json:"qParams"`
		Nodes    []node `json:"nodes"`
		Links    []link `json:"links"`
	}{
		Metadata: p.metadata(n),
		Params:   map[string]any{"pinnedIds": []string{}, "supernodes": [][]string{}, "linkType": "both", "clickedId": "", "sg_pos": ""},
		Nodes:    []node{}, Links: []link{},
	}
	ids := make([]string, len(p.Nodes))
	for i, x := range p.Nodes {
		v := node{Pos: x.Pos, Prob: x.Prob, Reverse: 0, Influence: &p.Cumulative[i]}
		switch x.Kind {
		case FeatureNode:
			v.ID, v.Layer, v.Type = fmt.Sprintf("%d_%d_%d", x.Layer, x.Feature, x.Pos), fmt.Sprint(x.Layer), "cross layer transcoder"
			v.Feature = (x.Layer+x.Feature)*(x.Layer+x.Feature+1)/2 + x.Feature // Cantor's pair
			v.Activation = &p.Nodes[i].Activation
		case ErrorNode:
			v.ID, v.Layer, v.Type, v.Feature = fmt.Sprintf("%d_-1_%d", x.Layer, x.Pos), fmt.Sprint(x.Layer), "mlp reconstruction error", -1
			v.Clerp = fmt.Sprintf("Err: mlp “%s”", visible.Replace(x.Label))
		case TokenNode:
			v.ID, v.Layer, v.Type, v.Feature = fmt.Sprintf("E_%d_%d", x.Token, x.Pos), "E", "embedding", x.Pos
			v.Clerp = fmt.Sprintf("Emb: “%s”", visible.Replace(x.Label))
		case LogitNode:
			v.ID, v.Layer, v.Type, v.Feature = fmt.Sprintf("%d_%d_%d", p.Layers+1, x.Token, x.Pos), fmt.Sprint(p.Layers+1), "logit", int(x.Token)
			v.Clerp, v.Influence = fmt.Sprintf("Output \"%s\" (p=%.3f)", visible.Replace(x.Label), x.Prob), nil
			v.Target = i == 0 || p.Nodes[i-1].Kind != LogitNode // they stand by probability
		}
		v.JS, ids[i] = v.ID+"-0", v.ID
		if p.Kept[i] {
			out.Nodes = append(out.Nodes, v)
		}
	}
	for to, row := range p.Edges {
		for _, e := range row {
			out.Links = append(out.Links, link{ids[e.Source], ids[to], float64(e.Weight)})
		}
	}
	return json.Marshal(out)
}

// metadata is what the front end's list of graphs, and each graph, says of it.
func (p *Pruned) metadata(n Naming) map[string]any {
	out := map[string]any{"slug": n.Slug, "scan": n.Scan, "transcoder_list": []string{}, "prompt_tokens": shown(p.Labels),
		"prompt": strings.Join(p.Labels, ""), "node_threshold": p.Share, "schema_version": 1,
		"info":             map[string]any{"generator": map[string]string{"name": "golens", "url": "https://github.com/golens/golens"}},
		"pruning_settings": map[string]float64{"node_threshold": p.Share, "edge_threshold": p.EdgeShare}}
	details := map[string]string{}
	if n.SourceSet != "" {
		details["neuronpedia_source_set"] = n.SourceSet
	}
	if n.URL != "" {
		details["feature_json_base_url"] = n.URL
	}
	if len(details) > 0 {
		out["feature_details"] = details
	}
	return out
}

// Save writes SLUG.json and graph-metadata.json into a folder, from which
// circuit-tracer's server shows it.
func (p *Pruned) Save(folder string, n Naming) error {
	data, err := p.JSON(n)
	if err != nil {
		return err
	}
	if n.Slug == "" {
		n.Slug = "graph"
	}
	if !filepath.IsLocal(n.Slug) || strings.ContainsAny(n.Slug, `/\`) {
		return fmt.Errorf("%q is not the name of a file", n.Slug)
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	if err := files.Write(filepath.Join(folder, n.Slug+".json"), data); err != nil {
		return err
	}
	path := filepath.Join(folder, "graph-metadata.json")
	list := struct {
		Graphs []map[string]any `json:"graphs"`
	}{}
	if old, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(old, &list); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	var kept []map[string]any
	for _, g := range list.Graphs {
		if g["slug"] != n.Slug {
			kept = append(kept, g)
		}
	}
	list.Graphs = append(kept, p.metadata(n))
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return files.Write(path, text)
}
