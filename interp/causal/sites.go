package causal

import (
	"context"
	"fmt"

	"github.com/golens/golens/interp"
	"github.com/golens/golens/model"
	"github.com/golens/golens/model/array"
	"github.com/golens/golens/model/hook"
)

// A Map is a search at many sites: accuracies on held-out pairs [layer, place].
type Map struct {
	*interp.Result
	Train   *interp.Result // the same on the pairs that each was found on
	Profile *interp.Result // the best place of each layer [layer]

	Found [][]*Found // at each site, without controls
	Best  *Found     // where accuracy is highest, with its controls
}

// Sites finds what holds a variable at each layer and each place of the table, on the
// same pairs, and runs the controls where that is best. at gives the activation of a
// layer, such as hook.ResidPost; nil places are the table. Choosing the best of many
// makes its accuracy look better than it is: test it on other inputs. Source: Mueller
// et al. 2025 (MIB).
func (f DAS) Sites(m *model.Model, d *Data, variable string, at func(layer int) hook.Point, places []interp.Place) (*Map, error) {
	return f.SitesContext(context.Background(), m, d, variable, at, places)
}

// SitesContext is [DAS.Sites] that stops when the context ends.
func (f DAS) SitesContext(ctx context.Context, m *model.Model, d *Data, variable string, at func(layer int) hook.Point, places []interp.Place) (*Map, error) {
	if places == nil {
		places = d.Table
	}
	if len(places) == 0 {
		return nil, fmt.Errorf("DAS of %s: no places", variable)
	}
	var rows, names []string
	for l := range m.Config().Layers {
		rows = append(rows, fmt.Sprint(l))
	}
	for _, p := range places {
		names = append(names, p.Name)
	}
	held := array.New(array.Labels("layer", rows), array.Labels("place", names))
	train, profile := array.New(held.Axes()...), array.New(array.Labels("layer", rows))
	out := &Map{Found: make([][]*Found, len(rows))}
	all, tried, err := f.everywhere(ctx, m, d, variable, at, places)
	if err != nil {
		return nil, err
	}
	best := [2]int{}
	for l := range rows {
		for p := range places {
			i := l*len(places) + p
			found := all[i]
			if found.Scores, err = tried.scores(i, 1, found.method, "Geiger et al. 2023"); err != nil {
				return nil, err
			}
			out.Found[l] = append(out.Found[l], found)
			a, b := found.Scores.Of(WayFound)
			train.Set(a, l, p)
			held.Set(b, l, p)
			profile.Set(max(profile.At(l), b), l)
			if b > held.At(best[0], best[1]) {
				best = [2]int{l, p}
			}
		}
	}
	out.Best = out.Found[best[0]][best[1]]
	title := "held-out interchange intervention accuracy of " + variable
	out.Result = &interp.Result{
		Array: held.Named(title, ""), Method: out.Best.Scores.Method, Source: out.Best.Scores.Source, Provenance: out.Best.Scores.Provenance,
	}
	out.Train, out.Profile = out.Of(train.Named("accuracy on training pairs", "")), out.Of(profile.Named(title+", best place", ""))
	if !f.NoControls {
		again, err := f.FindContext(ctx, m, d, variable, Site{Point: at(best[0]), At: places[best[1]].Positions})
		if err != nil {
			return nil, err
		}
		out.Best = again
	}
	return out, nil
}

// everywhere are the searches at all places of each layer: states of inputs are computed
// once for those that follow each other, each is fitted from its site on, and all are
// tested as one sweep.
func (f DAS) everywhere(ctx context.Context, m *model.Model, d *Data, variable string, at func(layer int) hook.Point, places []interp.Place) (all []*Found, t *tried, err error) {
	var ways []way
	var pairs [2][]Pair
	for l := range m.Config().Layers {
		for _, place := range places {
			site := Site{Point: at(l), At: place.Positions}
			fail := func(err error) ([]*Found, *tried, error) {
				return nil, nil, fmt.Errorf("DAS of %s at %s, %s: %w", variable, site.Point, place.Name, err)
			}
			s, err := f.start(m, d, variable, site)
			if err != nil {
				return fail(err)
			}
			found, err := s.fit(ctx, m, s.labels[0])
			if err != nil {
				return fail(err)
			}
			found.method, pairs = s.method(), s.pairs
			all, ways = append(all, found), append(ways, way{WayFound, m, found.Site, s.labels})
		}
	}
	if t, err = d.try(ways, pairs); err != nil {
		return nil, nil, fmt.Errorf("DAS of %s: %w", variable, err)
	}
	return all, t, nil
}

// String is the table and what is best.
func (m *Map) String() string { return fmt.Sprintf("%s\nbest: %s", m.Result, m.Best) }
