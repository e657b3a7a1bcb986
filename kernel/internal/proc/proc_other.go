//go:build unix && !linux

package proc

import "syscall"

func onParentDeath(*syscall.SysProcAttr, syscall.Signal) {}

// DieWithParent does nothing on this system and reports true.
func DieWithParent(int, syscall.Signal) bool { return true }
