// Package patch proves what parts of a model do by changing them and measuring
// what happens: [KnockOut] takes each head's output away.
//
// A part whose removal changes the metric matters here, on these prompts. A
// part whose removal changes nothing may still matter: others can stand in for
// it, or the metric may not see what it does.
package patch
