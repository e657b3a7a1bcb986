// Package proxy stands between Jupyter and gonb.
//
// It listens on the ports that Jupyter chose and relays to gonb's, which are
// unix sockets in the kernel's private folder. What gonb lacks is supplied on
// the way: cells are read as Go and compiled before gonb runs their programs
// (packages cell and build); one request at a time, so that cells queued behind a failure are
// aborted; answers to is_complete, history, comm_info and kernel_info;
// interrupts at any time; and errors that a person can read in place of exit
// statuses.
//
// # Conventions
//
//   - gonb never gets a line of a cell's Go, only a stub and the commands that it
//     knows: it reads lines, and takes what begins as a command for one.
//   - "front" is Jupyter's side, "back" is gonb's.
//   - Shell requests are answered in the order in which they came. Messages on
//     the control channel are answered at once.
//   - For each request: status busy, its outputs, its error if it failed, the
//     reply, status idle; nothing of one request after its idle but late
//     updates of displays.
//   - The proxy owns the execution count, the history and the statuses; gonb's
//     own are replaced.
package proxy
