// Package task makes the data on which circuits are found: prompts of one
// pattern, clean and corrupted, where in each row the tokens of interest stand,
// and the metric that says whether a model does the task.
//
//	ioi := nb.Must(task.IOI(m, task.IOIOptions{N: 100, Seed: 1}))
//	run := nb.Must(m.Run(ioi.Clean.Capture(hook.Pattern(9).In(ioi.S2)).Metric(ioi.LogitDiff)))
//
// There are [IOI] (indirect object identification), [GreaterThan], [Docstring],
// [Agreement] (of subject and verb) and [Repeated] (sequences).
//
// # A task is one file
//
// A task is a list of [Row], each a text with named slots and what fills them,
// clean and corrupted; [New] tokenizes them and finds the positions:
//
//	t, err := task.New(m, task.Data{
//		Name:      "capitals",
//		Positions: []string{"COUNTRY", "COUNTRY+1"},
//		Rows: []task.Row{{
//			Frame:     "The capital of {COUNTRY} is called",
//			Clean:     map[string]string{"COUNTRY": "France"},
//			Corrupted: map[string]string{"COUNTRY": "Japan"},
//			Answer:    []string{" Paris"}, Wrong: []string{" Tokyo"},
//		}},
//	})
//
// # Conventions
//
// A position is of a slot's last token, where all of it has been read; "S1+1"
// is the token after it, "END" the last of the row, before the answer. The same
// table holds for the clean and the corrupted prompts: a row whose two texts
// differ in their tokens' places is an error.
//
// # Invariants
//
//   - Positions are found by the characters that the tokens stand for, under any
//     tokenizer, with and without a begin token. Where a token holds more than
//     a slot, or the tokens do not give back the text, that is an error.
//   - The same model, options and seed give the same rows.
//   - Words that a task leaves out because the tokenizer cuts them up are listed
//     in Task.Dropped.
package task
