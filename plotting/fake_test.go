package plotting

// fake is a Labeled as model/array makes them.
type fake struct {
	shape  []int
	vals   []float32
	names  []string
	labels [][]string
	title  string
	unit   string
	err    error
}

func (f fake) Shape() []int      { return f.shape }
func (f fake) Values() []float32 { return f.vals }
func (f fake) Title() string     { return f.title }
func (f fake) Unit() string      { return f.unit }
func (f fake) Err() error        { return f.err }
func (f fake) Axis(i int) (string, []string) {
	var name string
	var labels []string
	if i < len(f.names) {
		name = f.names[i]
	}
	if i < len(f.labels) {
		labels = f.labels[i]
	}
	return name, labels
}
