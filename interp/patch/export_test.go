package patch

// Hold sets how many values that receivers get are held at once, and gives back
// what it was.
func Hold(values int) (was int) {
	was, held = held, values
	return was
}
