package ioi

import (
	"github.com/golens/golens/interp/circuit"
	"github.com/golens/golens/interp/graph"
)

// published are the 26 heads of GPT-2 small, the most important of a class
// first, and where they act.
var published = []struct {
	class, at string
	heads     []graph.Part
}{
	{NameMover, "END", []graph.Part{graph.Head(9, 9), graph.Head(10, 0), graph.Head(9, 6)}},
	{NegativeNameMover, "END", []graph.Part{graph.Head(10, 7), graph.Head(11, 10)}},
	{BackupNameMover, "END", []graph.Part{graph.Head(10, 10), graph.Head(10, 6), graph.Head(10, 2), graph.Head(10, 1), graph.Head(11, 2), graph.Head(9, 7), graph.Head(9, 0), graph.Head(11, 9)}},
	{SInhibition, "END", []graph.Part{graph.Head(7, 3), graph.Head(7, 9), graph.Head(8, 6), graph.Head(8, 10)}},
	{Induction, "S2", []graph.Part{graph.Head(5, 5), graph.Head(6, 9), graph.Head(5, 8), graph.Head(5, 9)}},
	{DuplicateToken, "S2", []graph.Part{graph.Head(0, 1), graph.Head(3, 0), graph.Head(0, 10)}},
	{PreviousToken, "S1+1", []graph.Part{graph.Head(2, 2), graph.Head(4, 11)}},
}

// GPT2 is the circuit of indirect object identification that Wang et al. 2022
// found in GPT-2 small: 26 heads in seven classes. Its edges are all those
// between heads of following classes (after Conmy et al. 2023), without effects,
// which were not published edge by edge.
func GPT2() *circuit.Circuit {
	c := &circuit.Circuit{
		Name: "IOI in GPT-2 small, as published", Model: "gpt2", Task: "IOI", Source: wang,
		Positions: []string{"IO", "S1", "S1+1", "S2", "END"},
	}
	for _, p := range published {
		for _, h := range p.heads {
			c.Nodes = append(c.Nodes, circuit.Node{Part: h, At: []string{p.at}, Class: p.class})
		}
	}
	movers := []string{NameMover, NegativeNameMover, BackupNameMover}
	for _, class := range movers {
		for _, h := range c.Of(class) {
			c.Edges = append(c.Edges, circuit.Edge{From: h, To: graph.Logits(), Input: graph.ToLogits})
		}
		follow(c, SInhibition, class, graph.ToQuery)
	}
	follow(c, Induction, SInhibition, graph.ToKey, graph.ToValue)
	follow(c, DuplicateToken, SInhibition, graph.ToKey, graph.ToValue)
	follow(c, PreviousToken, Induction, graph.ToKey, graph.ToValue)
	return c
}

// follow joins all heads of a class to inputs of all later ones of another.
func follow(c *circuit.Circuit, from, to string, inputs ...graph.Input) {
	for _, a := range c.Of(from) {
		for _, b := range c.Of(to) {
			for _, input := range inputs {
				if a.Before(b) {
					c.Edges = append(c.Edges, circuit.Edge{From: a, To: b, Input: input})
				}
			}
		}
	}
}

// GPT2Naive is the smaller circuit that the paper compares with: faithful,
// and not complete.
func GPT2Naive() *circuit.Circuit {
	keep := map[graph.Part]bool{
		graph.Head(9, 6): true, graph.Head(9, 9): true, graph.Head(10, 0): true, graph.Head(7, 3): true, graph.Head(7, 9): true, graph.Head(8, 6): true,
		graph.Head(8, 10): true, graph.Head(5, 5): true, graph.Head(5, 9): true, graph.Head(3, 0): true, graph.Head(0, 10): true, graph.Head(2, 2): true, graph.Head(4, 11): true,
	}
	whole := GPT2()
	var rest []graph.Part
	for _, p := range whole.Parts() {
		if !keep[p] {
			rest = append(rest, p)
		}
	}
	naive := whole.Without(rest...)
	naive.Name = "naive IOI circuit in GPT-2 small, as published"
	return naive
}

// GPT2Beside is the sets K beside which Wang et al. 2022 took the heads of
// [GPT2] out for its minimality: a head's class; for name movers those before
// it; for the fuzzy induction heads 5.8 and 5.9 the negative name movers; for the
// backups 9.0 and 11.9 all name movers and negative ones.
func GPT2Beside() circuit.Beside {
	c := GPT2()
	negative := c.Of(NegativeNameMover)
	movers := append(c.Of(NameMover), negative...)
	return circuit.Beside{
		Of:         map[graph.Part][]graph.Part{graph.Head(5, 8): negative, graph.Head(5, 9): negative, graph.Head(9, 0): movers, graph.Head(11, 9): movers},
		Cumulative: []string{NameMover},
	}
}

// Beside is the sets K beside which a head of the classes of [Find] is taken out
// for its minimality: name movers one after the other, since they stand in for each
// other, and backups with the movers that hold them back.
func Beside() circuit.Beside {
	return circuit.Beside{
		Cumulative: []string{NameMover},
		Too:        map[string][]string{BackupNameMover: {NameMover, NegativeNameMover}},
	}
}

// Planted is the circuit that was made by hand into the model zoo:ioi-planted, as
// far as paths of single heads show it.
func Planted() *circuit.Circuit {
	c := &circuit.Circuit{
		Name: "planted", Model: "zoo:ioi-planted", Task: "IOI", Positions: []string{"IO", "S1", "S1+1", "S2", "END"},
		Nodes: []circuit.Node{
			{Part: graph.Head(3, 0), At: []string{"END"}, Class: NameMover},
			{Part: graph.Head(3, 1), At: []string{"END"}, Class: NegativeNameMover},
			{Part: graph.Head(4, 0), At: []string{"END"}, Class: BackupNameMover},
			{Part: graph.Head(2, 0), At: []string{"END"}, Class: SInhibition},
			{Part: graph.Head(1, 0), At: []string{"S2"}, Class: Induction},
			{Part: graph.Head(0, 0), At: []string{"S2"}, Class: DuplicateToken},
			{Part: graph.Head(0, 1), At: []string{"S1+1"}, Class: PreviousToken},
		},
	}
	for _, mover := range []string{NameMover, NegativeNameMover, BackupNameMover} {
		c.Edges = append(c.Edges, circuit.Edge{From: c.Of(mover)[0], To: graph.Logits(), Input: graph.ToLogits})
		follow(c, SInhibition, mover, graph.ToQuery)
	}
	follow(c, NameMover, BackupNameMover, graph.ToQuery) // the gate
	follow(c, Induction, SInhibition, graph.ToValue)
	follow(c, DuplicateToken, SInhibition, graph.ToValue)
	follow(c, PreviousToken, Induction, graph.ToKey, graph.ToValue)
	return c
}
