// Package kerneltest talks to a kernel in tests.
//
// A test's TestMain calls Main, which lets the test's own program be the kernel
// that Start starts, so nothing is built but what a kernel builds itself.
//
// # Conversations
//
// A conversation is a txtar archive. Each file is a step, named by its verb:
//
//	run            execute the code and wait for its end
//	send           execute the code, do not wait
//	sleep D        wait for D, such as 500ms
//	begun          wait until the last cell has its turn, before it is built
//	until TEXT     wait until TEXT has come as output of the last cell
//	interrupt      interrupt on the control channel
//	wait           wait for the end of every cell that was sent
//	ask TYPE       send TYPE_request with the JSON in the file on shell; wait for the reply
//	control TYPE   the same on the control channel
//
// and what follows holds the last step to what came:
//
//	stdout, stderr   the cell's whole text, trimmed
//	error            its error as NAME: VALUE; a final … stands for any rest
//	traceback        the lines of its error, without colours; a final … as above
//	display MIME     a form of its last display
//	result [MIME]    a form of its last result, its text if none is named
//	status           the replies of the cells since the last such step: ok, error or aborted, a line each
//	reply            fields that the last reply has, as JSON; further fields may be there
//
// A step with nothing to hold it to must have ended well: status ok, no error.
package kerneltest
