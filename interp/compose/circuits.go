package compose

import (
	"fmt"
	"strings"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/interp/graph"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
)

const elhage = "Elhage et al. 2021"

// OV is the OV circuit of a head on some tokens, W_E W_OV W_U: how attending to
// the one token changes the logit of the other [source, output]. A bright
// diagonal means copying. The embedding of the first layer's MLP is not
// included. No passes; two thin products. Source: Elhage et al. 2021, "OV and
// QK circuits".
func OV(m *model.Model, head graph.Part, tokens ...int32) (*interp.Result, error) {
	return circuit(m, fmt.Sprintf("OV circuit of head %s", head), "logits", tokens, "source", "output",
		[]graph.Part{head}, func(w []weights) model.Chain {
			return model.Chain{model.WE().Of(tokens...), w[0].v, w[0].o, model.WU().Of(tokens...)}
		})
}

// QK is the QK circuit of a head on some tokens, W_E W_QK W_Eᵀ times the scale
// of scores: how much the one token, as query, wants to attend to the other, as
// key [query, key]. Positions are left out. No passes; two thin products.
// Source: Elhage et al. 2021.
func QK(m *model.Model, head graph.Part, tokens ...int32) (*interp.Result, error) {
	title := fmt.Sprintf("QK circuit of head %s", head)
	if err := bilinear(m); err != nil {
		return nil, fmt.Errorf("%s: %w", title, err)
	}
	r, err := circuit(m, title, "score", tokens, "query", "key", []graph.Part{head}, func(w []weights) model.Chain {
		return model.Chain{model.WE().Of(tokens...), w[0].q, w[0].k.T(), model.WE().Of(tokens...).T()}
	})
	return scaled(m, r), err
}

// KComposed is the QK circuit of a later head whose keys read what an earlier
// head wrote, W_E W_QK (W_OV of the earlier head)ᵀ W_Eᵀ: how much a query token
// wants to attend to a position whose earlier head attended to the key token
// [query, key]. For an induction head and its previous-token head the diagonal
// is bright: attend to where the token before was this one. No passes. Source:
// Elhage et al. 2021, "how induction heads work".
func KComposed(m *model.Model, earlier, head graph.Part, tokens ...int32) (*interp.Result, error) {
	title := fmt.Sprintf("QK circuit of head %s through the keys from head %s", head, earlier)
	if !earlier.Before(head) {
		return nil, fmt.Errorf("%s: %s does not come before %s", title, earlier, head)
	}
	if err := bilinear(m); err != nil {
		return nil, fmt.Errorf("%s: %w", title, err)
	}
	r, err := circuit(m, title, "score", tokens, "query", "key before", []graph.Part{earlier, head}, func(w []weights) model.Chain {
		return model.Chain{model.WE().Of(tokens...), w[1].q, w[1].k.T(), w[0].o.T(), w[0].v.T(), model.WE().Of(tokens...).T()}
	})
	return scaled(m, r), err
}

// circuit multiplies a chain of some heads' weights whose ends are tokens.
func circuit(m *model.Model, title, unit string, tokens []int32, from, to string, heads []graph.Part, chain func([]weights) model.Chain) (*interp.Result, error) {
	if len(tokens) == 0 {
		return nil, fmt.Errorf("%s: no tokens; name those to look at", title)
	}
	var all []weights
	for _, h := range heads {
		w, err := weightsOf(m, h)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", title, err)
		}
		all = append(all, w)
	}
	factors := chain(all)
	product, err := m.Product(factors...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", title, err)
	}
	labels := m.Rows([][]int32{tokens})
	if err := labels.Err(); err != nil {
		return nil, err
	}
	words := make([]string, len(tokens))
	for i, l := range labels.Labels[0] {
		words[i] = strings.TrimSpace(l)
	}
	values := product.Rename(from, to).Label(from, words)
	if to != from {
		values = values.Label(to, words)
	}
	return result(m, values.Named(title, unit), factors.String()), values.Err()
}

func scaled(m *model.Model, r *interp.Result) *interp.Result {
	if r != nil {
		for i := range r.Values() {
			r.Values()[i] *= float32(m.Config().Scale)
		}
	}
	return r
}

// result is a result of weights alone.
func result(m *model.Model, values *array.Array, method string) *interp.Result {
	return &interp.Result{Array: values, Method: method, Source: elhage, Provenance: m.Info().Provenance()}
}
