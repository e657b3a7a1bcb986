package shim

// Environment variables by which the supervisor tells the shims what to do.
const (
	// EnvGo is the absolute path of the real go command.
	EnvGo = "GOLENS_GO"
	// EnvGopls is the absolute path of the real gopls.
	EnvGopls = "GOLENS_GOPLS"
	// EnvCellModule is the folder of the go.mod and go.sum given to cells.
	EnvCellModule = "GOLENS_CELL_MODULE"
	// EnvShellFailed is the file that a failing ! line leaves behind.
	EnvShellFailed = "GOLENS_SHELL_FAILED"
	// EnvGoimports is the absolute path of the real goimports.
	EnvGoimports = "GOLENS_GOIMPORTS"
	// EnvBasePath is the PATH without the shims.
	EnvBasePath = "GOLENS_BASE_PATH"

	// envCellDir is gonb's own name for the folder in which it builds cells.
	envCellDir = "GONB_TMP_DIR"
)

// CellTag is the build tag that cells are built with.
const CellTag = "golens_cell"

// The files of the folder that keep.Env names by which a cell's program reaches
// gonb, which knows only a stub of it.
const (
	ProgramFile = "program"      // compiled and linked
	SourceFile  = "source.go"    // to be built by the go command
	ErrorsFile  = "build-errors" // what the go command says of it
	StdinFile   = "stdin"        // a link to what programs and ! lines read
	RealImports = "goimports"    // there while gonb has a cell of its own to compose
)
