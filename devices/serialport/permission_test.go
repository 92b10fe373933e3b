package serialport

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// nobody is a user without any rights.
const nobody = 65534

// deniedNode names the line that a child process, which is this test under another user,
// is to try.
const deniedNode = "YEBAN_TEST_DENIED_NODE"

// denied opens a line that it may not open, and says what is wrong with the outcome.
func denied(node string, driver Driver) error {
	p, err := Open(context.Background(), Config{Path: node, Driver: driver})
	if err == nil {
		return errors.Join(fmt.Errorf("%s opened it", driver), p.Close())
	}
	if !errors.Is(err, ErrPermission) || !strings.Contains(err.Error(), node) {
		return fmt.Errorf("%s: %w", driver, err)
	}
	return nil
}

// Root may open anything, so that under root a child without rights does it.
func TestLineWithoutPermission(t *testing.T) {
	node := os.Getenv(deniedNode)
	child := node != ""
	if !child {
		node = newDevice(t).node
		if err := os.Chmod(node, 0); err != nil {
			t.Fatal(err)
		}
	}
	if os.Geteuid() != 0 {
		for _, driver := range []Driver{Bugst, Tarm} {
			if err := denied(node, driver); err != nil {
				t.Error(err)
			}
		}
		return
	}
	if child {
		t.Fatal("still root")
	}
	// By this name the program is found even where its folder is closed to others.
	again := exec.Command("/proc/self/exe", "-test.run=^TestLineWithoutPermission$", "-test.v")
	again.Dir = "/"
	again.Env = append(os.Environ(), deniedNode+"="+node)
	again.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := again.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestLineWithoutPermission") {
		t.Fatalf("as user %d: %v\n%s", nobody, err, out)
	}
}
