package model

import (
	"context"
	"fmt"
	"reflect"

	"github.com/golens/golens/model/config"
	"github.com/golens/golens/model/internal/content"
)

// An Ask is anything that a [Runner] can be asked: a [Request], a [Sweep], a
// [Generation] and the others that Verbs names. It is plain data, so that it
// can be checked before anything runs, sent to a model host, hashed to know what
// was answered already, and asked again.
//
// What a model can be asked is a type with these methods and an executor
// (executes) in one file each; everything between them knows no ask by name.
type Ask interface {
	// Verb names what is asked, such as "run".
	Verb() string
	// check finds what is wrong with the ask, as far as a model's config tells.
	check(c config.Config) error
}

// Check finds what is wrong with an ask, as far as the model's shape tells, without
// running anything.
func (m *Model) Check(ask Ask) error { return ask.check(m.Config()) }

// verb is what is known of a verb wherever a model may be asked.
type verb struct{ ask, answer reflect.Type }

var verbs = map[string]verb{}

// asks makes an ask of type Q, whose answer is an A, known by its verb.
func asks[Q Ask, A any]() {
	var q Q
	verbs[q.Verb()] = verb{reflect.TypeFor[Q](), reflect.TypeFor[A]()}
}

// do asks a model, and gives the answer as the type that it has. With an error there
// may be what was done of it.
func do[A any](ctx context.Context, m *Model, ask Ask) (answer A, err error) {
	got, err := m.runner.Do(ctx, ask)
	answer, ok := got.(A)
	if err == nil && !ok {
		err = fmt.Errorf("%s: the runner answers with a %T; it must be a %T", ask.Verb(), got, answer)
	}
	return answer, err
}

// hashed is an ask that came by a socket, and so knows its hash.
type hashed struct {
	Ask
	hash string
}

// hashOf identifies an ask: those of one verb and equal content have equal
// hashes, and others have others.
func hashOf(ask Ask) string {
	if h, ok := ask.(hashed); ok {
		return h.hash
	}
	data, err := content.Identify(ask)
	if err != nil { // a field that cannot be sent, which a test would find
		return err.Error()
	}
	return hashBytes(ask.Verb(), data)
}

// unhashed is an ask without its hash.
func unhashed(ask Ask) Ask {
	if h, ok := ask.(hashed); ok {
		return h.Ask
	}
	return ask
}

// askAs is an ask of a verb as the type that does it.
func askAs[Q Ask](verb string, ask Ask) (Q, error) {
	q, ok := ask.(Q)
	if !ok {
		return q, fmt.Errorf("%s: a %T cannot be asked for; it must be a %T", verb, ask, q)
	}
	return q, nil
}

func hashBytes(verb string, data []byte) string {
	return content.HashBytes(append([]byte(verb+"\n"), data...))
}

// ReadAsk reads an ask of a verb from its content; see package content for what
// find gives. hash identifies it.
func ReadAsk(verb string, data []byte, find func(content.Name) []float32) (ask Ask, hash string, err error) {
	types, ok := verbs[verb]
	if !ok {
		return nil, "", fmt.Errorf("%q is nothing that this version of golens can be asked", verb)
	}
	into := reflect.New(types.ask)
	if err := content.Decode(data, into.Interface(), find); err != nil {
		return nil, "", err
	}
	ask, hash = into.Elem().Interface().(Ask), hashBytes(verb, data)
	return hashed{ask, hash}, hash, nil
}
