package model

import (
	"fmt"

	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// A MetricKind says what a metric computes.
type MetricKind string

// The kinds of metrics.
const (
	KindLogit     MetricKind = "logit"            // of Answer
	KindLogitDiff MetricKind = "logit difference" // logit of Answer minus logit of Wrong
	KindLogProb   MetricKind = "log probability"  // of Answer, in nats
	KindProb      MetricKind = "probability"      // of Answer
	KindNLL       MetricKind = "NLL"              // of the row's own next token, in nats
	KindKL        MetricKind = "KL divergence"    // of the run from Reference, in nats
	KindTop1      MetricKind = "top-1"            // 1 if the logit of Answer is above all others, else 0
	KindRank      MetricKind = "rank"             // of Answer by logit, the mean of equal ones: 1 is the largest

	// These take several tokens for a row.
	KindMargin   MetricKind = "logit margin"           // logit of Answer minus the largest of Wrong
	KindAccuracy MetricKind = "accuracy"               // 1 if the logit of Answer is above all of Wrong, else 0
	KindProbDiff MetricKind = "probability difference" // probability of Answer minus that of Wrong, summed over tokens

	KindLinear MetricKind = "linear" // a linear functional of a hook point
)

// A Metric is one number per row, read off the logits (or, for KindLinear, off
// any hook point). Where several positions are read it is their mean.
type Metric struct {
	Kind MetricKind

	// At are the positions whose logits are read. The zero value means the
	// last of each row, or for the NLL every one that has a next token.
	At hook.Positions `json:",omitzero"`

	Answer Choice `json:",omitzero"`
	Wrong  Choice `json:",omitzero"`

	// Reference, for the KL, is logits or log-probabilities [batch, pos, vocab]
	// at the positions of At, such as a capture of hook.Logits() there.
	Reference *array.Array `json:",omitempty"`

	// Functional, for KindLinear, are the point and its coefficients.
	Functional hook.Edit `json:",omitzero"`
}

// A Choice names a token for every row, by text or by id: one entry for all
// rows, or one per row. Some metrics take several tokens for a row.
type Choice struct {
	Texts []string  `json:",omitempty"` // each exactly one token, such as " sat"
	IDs   []int32   `json:",omitempty"`
	Sets  [][]int32 `json:",omitempty"` // several tokens: one set for all rows, or one per row
}

// IDs chooses tokens by id, one for all rows or one per row.
func IDs(ids ...int32) Choice { return Choice{IDs: ids} }

// Texts chooses tokens by text, one for all rows or one per row. Each text is
// exactly one token; mind the leading space.
func Texts(texts ...string) Choice { return Choice{Texts: texts} }

// Sets chooses several tokens, by id: one set for all rows or one per row.
func Sets(sets ...[]int32) Choice { return Choice{Sets: sets} }

// LogitDiff is the logit of an answer minus that of a wrong token at the last
// position: how much more the model expects the one than the other.
func LogitDiff(answer, wrong Choice) Metric {
	return Metric{Kind: KindLogitDiff, Answer: answer, Wrong: wrong}
}

// Logit is the logit of a token at the last position.
func Logit(answer Choice) Metric { return Metric{Kind: KindLogit, Answer: answer} }

// LogProb is the log probability of a token at the last position, in nats.
func LogProb(texts ...string) Metric { return Metric{Kind: KindLogProb, Answer: Texts(texts...)} }

// LogProbOf is [LogProb] with tokens given by id.
func LogProbOf(ids ...int32) Metric { return Metric{Kind: KindLogProb, Answer: IDs(ids...)} }

// Prob is the probability of a token at the last position.
func Prob(answer Choice) Metric { return Metric{Kind: KindProb, Answer: answer} }

// Top1 is 1 where the token's logit at the last position is above all others. Its
// mean over rows is the accuracy. Where logits are equal, none is above: a model
// that says the same of all tokens is never right. It has no gradient.
func Top1(answer Choice) Metric { return Metric{Kind: KindTop1, Answer: answer} }

// Rank is the place of the token among all, by logit at the last position: 1 is
// the likeliest. Tokens with equal logits share the mean of their places, so that
// where all are equal each has (vocab + 1)/2; NaN comes last. It has no gradient.
func Rank(answer Choice) Metric { return Metric{Kind: KindRank, Answer: answer} }

// Margin is the logit of an answer minus the largest of the wrong tokens' at
// the last position.
func Margin(answer, wrong Choice) Metric {
	return Metric{Kind: KindMargin, Answer: answer, Wrong: wrong}
}

// Accuracy is 1 where the answer's logit is above that of every wrong token at
// the last position. Its mean over rows is the share of rows that the model
// gets right. It has no gradient.
func Accuracy(answer, wrong Choice) Metric {
	return Metric{Kind: KindAccuracy, Answer: answer, Wrong: wrong}
}

// ProbDiff is the probability of all answers together minus that of all wrong
// tokens at the last position.
func ProbDiff(answers, wrong Choice) Metric {
	return Metric{Kind: KindProbDiff, Answer: answers, Wrong: wrong}
}

// NLL is the mean negative log likelihood of each row's own next tokens.
func NLL() Metric { return Metric{Kind: KindNLL} }

// KL is KL(reference || run) at the last position, for reference logits
// [batch, pos, vocab] with one position.
func KL(reference *array.Array) Metric { return Metric{Kind: KindKL, Reference: reference} }

// Linear is the sum over the point's selected values of value times
// coefficient, broadcast to the selection as in hook.Point.Add.
func Linear(p hook.Point, coefficients hook.Tensor) Metric {
	return Metric{Kind: KindLinear, Functional: p.Add(coefficients)}
}

// AtPositions is the same metric read at other positions, the same in every row.
func (m Metric) AtPositions(positions ...int) Metric {
	m.At = hook.Positions{Rows: [][]int{positions}}
	return m
}

// In is the same metric read at positions that were made elsewhere.
func (m Metric) In(p hook.Positions) Metric { m.At = p; return m }

// String names the metric and its tokens.
func (m Metric) String() string {
	switch {
	case m.Kind == KindLinear:
		return fmt.Sprintf("linear in %s", m.Functional.Point)
	case len(m.Answer.Texts) == 1 && len(m.Wrong.Texts) == 1:
		return fmt.Sprintf("%s of %q and %q", m.Kind, m.Answer.Texts[0], m.Wrong.Texts[0])
	case len(m.Answer.Texts) == 1:
		return fmt.Sprintf("%s of %q", m.Kind, m.Answer.Texts[0])
	}
	return string(m.Kind)
}

// HasZero tells whether 0 means that there is nothing of what the metric
// measures, so that shares of it say something. It does not for log
// probabilities, which are negative when good, for losses, ranks, single logits
// and functionals.
func (m Metric) HasZero() bool {
	switch m.Kind {
	case KindLogitDiff, KindMargin, KindProb, KindProbDiff, KindAccuracy, KindTop1:
		return true
	}
	return false
}

// LowerIsBetter tells whether the metric falls as the model gets better.
func (m Metric) LowerIsBetter() bool {
	return m.Kind == KindNLL || m.Kind == KindKL || m.Kind == KindRank
}

// Unit is what the metric's values are measured in.
func (m Metric) Unit() string {
	switch m.Kind {
	case KindLogProb, KindNLL, KindKL:
		return "nats"
	case KindLogitDiff, KindLogit, KindMargin:
		return "logits"
	}
	return ""
}
