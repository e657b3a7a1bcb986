package serve

// NewBounded is a host whose memories hold so many bytes.
func NewBounded(answerBytes, tensorBytes int) *Host {
	h := New()
	h.answers, h.tensors = newAnswers(answerBytes), newTensors(tensorBytes)
	return h
}

// Answered is how many answers are remembered.
func (h *Host) Answered() int { return len(h.answers.entries) }

// Tensors are how many tensors are remembered, and their bytes.
func (h *Host) Tensors() (n, bytes int) { return len(h.tensors.entries), h.tensors.size }

// SendUpTo is a host that sends answers of so many bytes.
func SendUpTo(largest int) *Host {
	h := New()
	h.largest = largest
	return h
}
