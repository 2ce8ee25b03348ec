package suite

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// certificate makes one for 127.0.0.1 that signs itself, and returns its file and that of its key.
func certificate(folder string) (cert, key string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "xosim"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return "", "", err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", err
	}
	cert, key = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	if err := os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}), 0o644); err != nil {
		return "", "", err
	}
	return cert, key, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600)
}

// nodeMax is how long the check of the library may take on a slow site.
const nodeMax = 10 * time.Minute

// CheckXoLib runs xo-lib/check.js, where XO_LIB says that it is installed, and returns the steps that it did.
func (t *T) CheckXoLib(name, sr, other string) []string {
	t.declared(XoLib)
	token, _ := t.Call(t.look(), "token.create", map[string]any{"expiresIn": "1 hour"}).(string)
	command := exec.CommandContext(t.Ctx, "node", "check.js")
	command.Dir = os.Getenv("XO_LIB")
	command.Env = append(os.Environ(), "CHECK_URL="+t.Site.URL, "CHECK_TOKEN="+token, "CHECK_NAME="+name, "CHECK_SR="+sr, "CHECK_OTHER_SR="+other)
	if t.Site.certificate != "" {
		command.Env = append(command.Env, "NODE_EXTRA_CA_CERTS="+t.Site.certificate)
	} else if t.Site.Insecure && t.Site.Real() {
		command.Env = append(command.Env, "NODE_TLS_REJECT_UNAUTHORIZED=0")
	}
	var output, problems strings.Builder
	command.Stdout, command.Stderr = &output, &problems
	command.WaitDelay = nodeMax
	if err := command.Run(); err != nil {
		t.Fatalf("node check.js: %v\n%s%s", err, output.String(), problems.String())
	}
	return strings.Split(strings.TrimSpace(output.String()), "\n")
}
