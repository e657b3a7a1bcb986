package circuit

// published are the 26 heads of GPT-2 small, the most important of a class
// first, and where they act.
var published = []struct {
	class, at string
	heads     []Part
}{
	{NameMover, "END", []Part{Head(9, 9), Head(10, 0), Head(9, 6)}},
	{NegativeNameMover, "END", []Part{Head(10, 7), Head(11, 10)}},
	{BackupNameMover, "END", []Part{Head(10, 10), Head(10, 6), Head(10, 2), Head(10, 1), Head(11, 2), Head(9, 7), Head(9, 0), Head(11, 9)}},
	{SInhibition, "END", []Part{Head(7, 3), Head(7, 9), Head(8, 6), Head(8, 10)}},
	{Induction, "S2", []Part{Head(5, 5), Head(6, 9), Head(5, 8), Head(5, 9)}},
	{DuplicateToken, "S2", []Part{Head(0, 1), Head(3, 0), Head(0, 10)}},
	{PreviousToken, "S1+1", []Part{Head(2, 2), Head(4, 11)}},
}

// GPT2IOI is the circuit of indirect object identification that Wang et al. 2022
// found in GPT-2 small: 26 heads in seven classes. Its edges are all those
// between heads of following classes (after Conmy et al. 2023), without effects,
// which were not published edge by edge.
func GPT2IOI() *Circuit {
	c := &Circuit{
		Name: "IOI in GPT-2 small, as published", Model: "gpt2", Task: "IOI", Source: wang,
		Positions: []string{"IO", "S1", "S1+1", "S2", "END"},
	}
	for _, p := range published {
		for _, h := range p.heads {
			c.Nodes = append(c.Nodes, Node{Part: h, At: []string{p.at}, Class: p.class})
		}
	}
	movers := []string{NameMover, NegativeNameMover, BackupNameMover}
	for _, class := range movers {
		for _, h := range c.Of(class) {
			c.Edges = append(c.Edges, Edge{From: h, To: Logits(), Input: ToLogits})
		}
		c.follow(SInhibition, class, ToQuery)
	}
	c.follow(Induction, SInhibition, ToKey, ToValue)
	c.follow(DuplicateToken, SInhibition, ToKey, ToValue)
	c.follow(PreviousToken, Induction, ToKey, ToValue)
	return c
}

// follow joins all heads of a class to inputs of all later ones of another.
func (c *Circuit) follow(from, to string, inputs ...Input) {
	for _, a := range c.Of(from) {
		for _, b := range c.Of(to) {
			for _, input := range inputs {
				if a.Before(b) {
					c.Edges = append(c.Edges, Edge{From: a, To: b, Input: input})
				}
			}
		}
	}
}

// GPT2IOINaive is the smaller circuit that the paper compares with: faithful,
// and not complete.
func GPT2IOINaive() *Circuit {
	keep := map[Part]bool{
		Head(9, 6): true, Head(9, 9): true, Head(10, 0): true, Head(7, 3): true, Head(7, 9): true, Head(8, 6): true,
		Head(8, 10): true, Head(5, 5): true, Head(5, 9): true, Head(3, 0): true, Head(0, 10): true, Head(2, 2): true, Head(4, 11): true,
	}
	whole := GPT2IOI()
	var rest []Part
	for _, p := range whole.Parts() {
		if !keep[p] {
			rest = append(rest, p)
		}
	}
	naive := whole.Without(rest...)
	naive.Name = "naive IOI circuit in GPT-2 small, as published"
	return naive
}

// GPT2IOIChoice is the sets K beside which Wang et al. 2022 took the heads of
// [GPT2IOI] out for its minimality: a head's class; for name movers those before
// it; for the fuzzy induction heads 5.8 and 5.9 the negative name movers; for the
// backups 9.0 and 11.9 all name movers and negative ones.
func GPT2IOIChoice() Choice {
	c := GPT2IOI()
	negative := c.Of(NegativeNameMover)
	movers := append(c.Of(NameMover), negative...)
	return Choice{
		Of:         map[Part][]Part{Head(5, 8): negative, Head(5, 9): negative, Head(9, 0): movers, Head(11, 9): movers},
		Cumulative: []string{NameMover},
		Beside:     map[string][]string{},
	}
}
