package feature

import "fmt"

// PageTitle names the feature.
func (p *Page) PageTitle() string {
	title := fmt.Sprintf("feature %d", p.Feature)
	if len(p.Raised) > 0 {
		title += fmt.Sprintf(" (%q)", p.Raised[0].Name)
	}
	return title
}

// PageFacts are how often and how strongly it fires.
func (p *Page) PageFacts() [][2]string {
	return [][2]string{
		{"fires at", fmt.Sprintf("%.3g%% of %d tokens", 100*p.Density, p.Tokens)},
		{"largest value", fmt.Sprintf("%.3g", p.Max)},
		{"mean", fmt.Sprintf("%.3g", p.Mean)},
	}
}

// PageLists are tokens, neighbours, neurons and heads.
func (p *Page) PageLists() (titles []string, names [][]string, values [][]float64) {
	for _, l := range []struct {
		title string
		all   []Named
	}{{"raises", p.Raised}, {"lowers", p.Lowered}, {"features with like decoders", p.Neighbours}, {"correlated neurons", p.Neurons}, {"correlated heads", p.Heads}} {
		if len(l.all) == 0 {
			continue
		}
		titles = append(titles, l.title)
		var n []string
		var v []float64
		for _, e := range l.all {
			n, v = append(n, e.Name), append(v, e.Value)
		}
		names, values = append(names, n), append(values, v)
	}
	return titles, names, values
}

// PageHistogram is that of values above 0 in the sampled rows.
func (p *Page) PageHistogram() ([]float64, []int) { return p.Edges, p.Counts }

// PageGroups are the groups of examples.
func (p *Page) PageGroups() []string { return p.Groups }

// PageExamples are the texts of a group.
func (p *Page) PageExamples(group int) (tokens [][]string, values [][]float32) {
	for _, e := range p.Examples[group] {
		tokens, values = append(tokens, e.Tokens), append(values, e.Values)
	}
	return tokens, values
}
