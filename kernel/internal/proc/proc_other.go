//go:build unix && !linux

package proc

import "syscall"

func onParentDeath(*syscall.SysProcAttr, syscall.Signal) {}

// DieWithParent does nothing on this system and reports true.
func DieWithParent(int, syscall.Signal) bool { return true }

// running is always true here: there is no simple way to tell.
func running(int) bool { return true }
