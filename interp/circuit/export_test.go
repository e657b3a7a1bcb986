package circuit

// Reference tells what the last test took from the reference, to be compared.
func (t *Test) Reference() any { return t.last.values }
