package main

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gomlx/go-xla/installer"
)

// plugin is a file of a package, with what the package must be.
type plugin struct {
	url    string
	size   int64
	sha256 string
	member string // the plugin's name in the package
}

// plugins are the XLA plugins for CPUs that golens' tests have run on. They are
// native code that runs as the user, so what arrives is held to the hash that was
// tested, and not to what a server says of it.
var plugins = map[string]plugin{
	"linux/amd64": {
		url:    "https://files.pythonhosted.org/packages/e5/90/f04e5ea9e56f01965b4cd56bc3cf4801a563cd47b74d4ded5780f19c3a7c/lammps_jax_pjrt_cpu-0.11.2-py3-none-manylinux_2_27_x86_64.whl",
		size:   62_711_338,
		sha256: "1319390d948b39f69f7dade496b7c385149d9ca6097a6b62114da113216d9ad1",
		member: "lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so",
	},
}

// unverified is the flag by which a caller asks for what cannot be checked.
const unverified = "-unverified"

// get brings the named engine to where the graph library looks for it.
func get(args []string) error {
	if args[len(args)-1] != "xla-cpu" {
		return fmt.Errorf("unknown; golens can get xla-cpu")
	}
	lib, err := installer.DefaultHomeLibPath()
	if err != nil {
		return err
	}
	dir := filepath.Join(lib, "go-xla")
	platform := runtime.GOOS + "/" + runtime.GOARCH
	p, known := plugins[platform]
	switch {
	case args[0] == unverified:
		// GoMLX's own build, of which no hash is published.
		if err := installer.CPUAutoInstall(dir, true, installer.Normal); err != nil {
			return fmt.Errorf("GoMLX's installer failed: %w", err)
		}
	case !known:
		return fmt.Errorf("no plugin for %s is known by its hash; `golens get %s xla-cpu` installs GoMLX's build for it without a check, and PJRT_PLUGIN_LIBRARY_PATH names the folder of one that you have", platform, unverified)
	default:
		if err := p.install(context.Background(), dir); err != nil {
			return err
		}
	}
	fmt.Printf("the XLA plugin for CPUs is in %s\n", dir)
	return nil
}

// install downloads a plugin's package, checks it, and unpacks the plugin into
// dir. Nothing is unpacked, and an older plugin stays, if the package is another.
func (p plugin) install(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(dir, ".new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	whole := filepath.Join(tmp, "package")
	if err := p.download(ctx, whole); err != nil {
		return fmt.Errorf("%s: %w", p.url, err)
	}
	name := filepath.Base(p.member)
	if err := unpack(whole, p.member, filepath.Join(tmp, name)); err != nil {
		return fmt.Errorf("%s: %w", p.url, err)
	}
	return os.Rename(filepath.Join(tmp, name), filepath.Join(dir, name))
}

// stall is how long a server may take for its first answer.
const stall = time.Minute

func (p plugin) download(ctx context.Context, to string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = stall
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answers %s", resp.Status)
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, sum), io.LimitReader(resp.Body, p.size+1))
	if err != nil {
		return err
	}
	if n != p.size {
		return fmt.Errorf("%d bytes came, or more; it must be %d. Nothing was installed", n, p.size)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != p.sha256 {
		return fmt.Errorf("what came has the SHA-256 %s; it must be %s. Nothing was installed", got, p.sha256)
	}
	return f.Close()
}

// unpack writes one file of a zip archive.
func unpack(archive, member, to string) error {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer z.Close()
	from, err := z.Open(member)
	if err != nil {
		return err
	}
	defer from.Close()
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(f, from); err != nil {
		return err
	}
	return f.Close()
}
