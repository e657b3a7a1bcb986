// Package queue deals work over NATS JetStream. It knows messages, not models: a
// client hands out messages and gets contents back; a worker does messages of its kind.
//
// What lies on the server, all made at first use:
//
//	golens-work      stream, a work queue: one message for each piece of work, under
//	                 golens.work.KIND.JOB.NAME, until somebody has done it
//	golens-asks      object store: what is asked, by the hash of its content
//	golens-results   object store: what pieces gave, by the hash of what they compute
//	golens-jobs      keys and values: who asked for what, for workers and status
//	golens-workers   keys and values: who works, renewed while they live
//	golens-failures  keys and values: where pieces failed
//
// # Invariants
//
// A subject holds at most one message, so that a piece is never queued twice, and
// queuing it again is always safe: the client does so whenever a piece is neither
// queued nor done, which mends all that a crash may lose. A result is stored before
// its message is acknowledged; results are of equal content whoever computes them, so
// that one which is computed twice is stored over itself. A message that comes again is
// acknowledged without work if its result is there.
package queue
