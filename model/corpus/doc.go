// Package corpus makes rows of tokens of texts, for analyses that read millions of
// them.
//
//	src := corpus.Join(corpus.Folder("texts/fr").As("fr"), corpus.JSONLines("de.jsonl", "text").As("de"))
//	text := nb.Must(corpus.Tokenize(ctx, m, src, corpus.Settings{}))
//	rows := nb.Must(text.Rows(corpus.Rows{Length: 128, Packed: true}))
//	fmt.Println(text, rows)
//	t := nb.Must(m.TallyOver(ctx, tally, rows.All(), nil))
//
// A [Source] gives documents: of texts, text files, JSON lines, folders, manual pages,
// data sets in the Hugging Face cache, and, with package parquet, of parquet files. It
// can be walked again and gives the same documents in the same order.
//
// [Tokenize] walks it once and keeps the tokens on disk, by the hash of the text and of
// the tokenizer, so that the second time nothing is tokenized. [Tokens.Rows] cuts them
// into rows: packed, or one document a row, a sample by seed, of some labels. Rows are
// read from disk as they are needed; what is in memory is 16 bytes a document and 40 a
// row.
//
// # What is wrong is said
//
// A file that cannot be read, a line that is no JSON, a text that is not UTF-8 is an
// error that names the file and the place. With [Settings].SkipBroken it is counted
// instead. Documents without text, documents that were cut because a row has no room
// for them, and tokens that fill no row are counted, and the counts are printed.
package corpus
