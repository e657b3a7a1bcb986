package arch

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// past is the keys and values of earlier positions, which the rows of a lane
// share: their queries are put side by side, so that one product per lane and
// head serves all of them and nothing is copied per row.
type past struct {
	lanes, rows, heads, queries, n int
	k, v                           *Node // [lane, head, past, d_head]
}

// newPast is nil without earlier positions. q is [batch, head, query, d_head].
func newPast(b *builder, around Around, q *Node) *past {
	if around.PastK == nil {
		return nil
	}
	d := q.Shape().Dimensions
	lanes := around.PastK.Shape().Dimensions[0]
	return &past{lanes: lanes, rows: d[0] / lanes, heads: d[1], queries: d[2], n: around.PastK.Shape().Dimensions[1],
		k: headFirst(b.perQuery(around.PastK, 2)), v: headFirst(b.perQuery(around.PastV, 2))}
}

// gather puts the queries of a lane side by side: [batch, head, query, x] to
// [lane, head, row*query, x].
func (p *past) gather(x *Node) *Node {
	if p.rows == 1 {
		return x
	}
	last := x.Shape().Dimensions[3]
	x = TransposeAllAxes(Reshape(x, p.lanes, p.rows, p.heads, p.queries, last), 0, 2, 1, 3, 4)
	return Reshape(x, p.lanes, p.heads, p.rows*p.queries, last)
}

// scatter undoes gather.
func (p *past) scatter(x *Node) *Node {
	if p.rows == 1 {
		return x
	}
	last := x.Shape().Dimensions[3]
	x = TransposeAllAxes(Reshape(x, p.lanes, p.heads, p.rows, p.queries, last), 0, 2, 1, 3, 4)
	return Reshape(x, p.lanes*p.rows, p.heads, p.queries, last)
}

// scores are the products of queries and past keys [batch, head, query, past].
func (p *past) scores(q *Node) *Node {
	return p.scatter(DotGeneral(p.gather(q), []int{3}, []int{0, 1}, p.k, []int{3}, []int{0, 1}))
}

// mix is the past values weighted by a pattern [batch, head, query, past].
func (p *past) mix(pattern *Node) *Node {
	return p.scatter(DotGeneral(p.gather(pattern), []int{3}, []int{0, 1}, p.v, []int{2}, []int{0, 1}))
}
