// Package syntax is the recipe of the zoo's masked language models in which
// syntactic attention can be watched while it forms: the grammar whose sentences
// come with their dependency trees, minimal pairs of them, the tokenizer, the
// sizes and the three runs, of which one is trained as it is, one with attention
// between syntactic neighbours suppressed, and one with it promoted.
//
// # Grammar
//
// Verbs agree with their subjects in number, and determiners with their nouns;
// verbs choose what may be their subject and object, adjectives what they
// describe. Between two words of which one depends on the other there may stand
// adjectives, prepositional phrases and relative clauses with nouns of another
// number, so that neither the word next to it nor the nearest noun tells.
package syntax
