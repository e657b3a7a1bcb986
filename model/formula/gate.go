package formula

import "math"

// The stretch of a hard-concrete gate and its temperature, as Louizos et al. 2018
// have them.
const (
	gateLeft, gateRight = -0.1, 1.1
	gateTemperature     = 2. / 3
)

// HardConcrete is a gate between 0 and 1 that is often exactly one of them, a
// sample for uniform draws u: min(1, max(0, 1.2 σ((ln u - ln(1-u) + logAlpha) / T) - 0.1))
// with T = 2/3. A fit draws u as noise. Louizos, Welling, Kingma 2018, section 2.2.
func HardConcrete(logAlpha, u Expr) Expr {
	odds := u.Log().Sub(Number(1).Sub(u).Log())
	s := odds.Add(logAlpha).Scale(1 / gateTemperature).Sigmoid()
	return s.Scale(gateRight - gateLeft).Add(Number(gateLeft)).Max(Number(0)).Min(Number(1))
}

// HardConcreteOpen is the probability that a hard-concrete gate is not 0, whose sum
// is the expected L0 of a mask.
func HardConcreteOpen(logAlpha Expr) Expr {
	return logAlpha.Add(Number(float32(-gateTemperature * math.Log(-gateLeft/gateRight)))).Sigmoid()
}

// HardConcreteMean is a gate without noise, for use after a fit.
func HardConcreteMean(logAlpha Expr) Expr {
	return logAlpha.Sigmoid().Scale(gateRight - gateLeft).Add(Number(gateLeft)).Max(Number(0)).Min(Number(1))
}
