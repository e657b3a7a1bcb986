package keep

import (
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// Env names the folder by which a cell and the kernel hand each other files.
const Env = "GOLENS_CELL"

// The files of that folder.
const (
	ReportFile = "report" // a Report, see ReadReport
	ResultFile = "result" // the values shown at the end, see ReadResult
	ErrorFile  = "error"  // the text of the error that ended the cell
)

// Var is a variable of a cell.
type Var struct {
	name, key string
	at        reflect.Value // what the pointer points to
}

// V is the variable of that name which lies at pointer and is kept under key.
func V(name, key string, pointer any) Var {
	return Var{name, key, reflect.ValueOf(pointer).Elem()}
}

// Report is what a program tells of the variables that it saved.
type Report struct {
	Kept   map[string]Kept
	WhyNot map[string]string // why others cannot be kept
}

// Kept tells how a variable was saved.
type Kept struct {
	Key     string
	Size    int
	Group   []string // variables that share its memory, itself among them
	Dynamic []string // types inside of interfaces, their packages' paths in braces
}

// exit is os.Exit, but in tests.
var exit = os.Exit

// end ends the program because of err.
func end(err error) {
	if write(ErrorFile, []byte(err.Error())) != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
	}
	exit(1)
}

func write(name string, data []byte) error {
	dir := os.Getenv(Env)
	if dir == "" {
		return fmt.Errorf("%s is not set", Env)
	}
	tmp := filepath.Join(dir, name+".new")
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(dir, name))
}

// Must returns v, or ends the cell with err.
func Must[T any](v T, err error) T {
	if err != nil {
		end(err)
	}
	return v
}

// Load gives variables the values that they were saved with. types are nil
// pointers to types that values inside of interfaces have.
func Load(types []any, vars ...Var) bool {
	files := map[string][]Var{}
	var keys []string
	for _, v := range vars {
		if files[v.key] == nil {
			keys = append(keys, v.key)
		}
		files[v.key] = append(files[v.key], v)
	}
	for _, key := range keys {
		data, err := os.ReadFile(filepath.Join(os.Getenv(Env), key))
		if err == nil {
			err = decode(data, files[key], types)
		}
		if err != nil {
			end(fmt.Errorf("the kept value of %s cannot be read: %w; run the cell that declares it again", names(files[key]), err))
		}
	}
	return true
}

func names(vars []Var) string {
	var s []string
	for _, v := range vars {
		s = append(s, v.name)
	}
	return strings.Join(s, ", ")
}

// Save keeps the values of variables for later cells.
func Save(vars ...Var) {
	r := Report{Kept: map[string]Kept{}, WhyNot: map[string]string{}}
	for _, g := range groups(vars, r.WhyNot) {
		data, dynamic, err := encode(g)
		if err != nil {
			for _, v := range g.vars {
				r.WhyNot[v.name] = err.Error()
			}
			continue
		}
		sum := fnv.New128a()
		sum.Write(data)
		k := Kept{Key: fmt.Sprintf("v%x", sum.Sum(nil)), Size: len(data), Dynamic: dynamic}
		for _, v := range g.vars {
			k.Group = append(k.Group, v.name)
		}
		if _, err := os.Stat(filepath.Join(os.Getenv(Env), k.Key)); err != nil {
			err = write(k.Key, data)
			if err != nil {
				for _, v := range g.vars {
					r.WhyNot[v.name] = err.Error()
				}
				continue
			}
		}
		for _, v := range g.vars {
			r.Kept[v.name] = k
		}
	}
	if err := write(ReportFile, r.encode()); err != nil {
		fmt.Fprintln(os.Stderr, "the values of this cell's variables are lost:", err)
	}
}

// displayer is a value with forms of its own, by MIME type.
type displayer interface {
	MIME() (map[string][]byte, error)
}

// Result shows values at the end of a cell.
func Result(values ...any) {
	var list []map[string][]byte
	for _, v := range values {
		forms := map[string][]byte{}
		if d, ok := v.(displayer); ok && !isNil(v) {
			var err error
			if forms, err = d.MIME(); err != nil {
				end(fmt.Errorf("showing a %T: %w", v, err))
				return
			}
		} else {
			forms["text/plain"] = []byte(asText(v))
		}
		list = append(list, forms)
	}
	if write(ResultFile, encodeResult(list)) != nil {
		fmt.Println(values...)
	}
}

func isNil(v any) bool {
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}

// ResultOrEnd shows what a call returned, whose last value is an error: that
// ends the cell, if it is not nil.
func ResultOrEnd(values ...any) {
	n := len(values) - 1
	if err, ok := values[n].(error); ok && err != nil {
		end(err)
		return
	}
	if n > 0 {
		Result(values[:n]...)
	}
}
