package dictionary

import "slices"

// largest are the indices of the k largest of x, rising. Of equal ones the first
// are taken.
func largest(x []float32, k int) []int {
	if k >= len(x) {
		all := make([]int, len(x))
		for i := range all {
			all[i] = i
		}
		return all
	}
	least := kth(slices.Clone(x), k)
	keep := make([]int, 0, k)
	above := 0
	for _, v := range x {
		if v > least {
			above++
		}
	}
	equal := k - above
	for i, v := range x {
		switch {
		case v > least:
			keep = append(keep, i)
		case v == least && equal > 0:
			keep, equal = append(keep, i), equal-1
		}
	}
	return keep
}

// kth is the k-th largest of x, from 1, which it reorders.
func kth(x []float32, k int) float32 {
	lo, hi, k := 0, len(x)-1, k-1
	for lo < hi {
		pivot := median(x[lo], x[(lo+hi)/2], x[hi])
		i, j := lo, hi
		for i <= j {
			for x[i] > pivot {
				i++
			}
			for pivot > x[j] {
				j--
			}
			if i <= j {
				x[i], x[j] = x[j], x[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return x[k]
		}
	}
	return x[k]
}

func median(a, b, c float32) float32 { return max(min(a, b), min(max(a, b), c)) }
