package gguf

// Check is what [Open] does first, for tests that have bytes and no file.
var Check = check
