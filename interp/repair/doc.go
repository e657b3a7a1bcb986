// Package repair measures what takes over when heads are knocked out: how much of
// what a head says of the answer is lost, how far the metric falls, and which heads
// make up for the difference.
//
//	top := nb.Must(repair.Movers(m, ioi, 1))
//	r := nb.Must(repair.KnockOut{}.Measure(m, ioi, top...))
//	fmt.Println(r) // 5.1 logits lost, the metric falls by 3.3: 35% repaired
//
// A head's direct effect is what it writes along the metric's direction at the end
// (package lens). Knocked out, it loses that; if nothing else changed, the metric
// would fall by as much. What it falls less is self-repair: later heads that now
// say more, and all heads where the final norm's scale shrinks with what is missing.
//
// Source: McGrath et al. 2023, "The Hydra Effect"; Rushing and Nanda 2024,
// "Explorations of Self-Repair"; backup name movers: Wang et al. 2022.
package repair
