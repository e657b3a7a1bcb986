// Package toolchain finds the sources of golens and builds the programs that a
// kernel runs: gonb, goimports, gopls and golens-host.
//
// The programs are kept under os.UserCacheDir()/golens, in one folder for each
// place the sources are at. A stamp beside each program says what it was built
// from; a program whose stamp still holds is not built again, which a start
// finds out in milliseconds. A lock keeps two kernels that start at once from
// building the same thing twice. Programs that nobody has started for two months
// go when others are built, unless a kernel was installed from their folder.
package toolchain
