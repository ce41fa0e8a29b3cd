package main

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"unsafe"

	"github.com/cloudnativelabs/kube-router/v2/pkg/controllers/netpol"
	"github.com/cloudnativelabs/kube-router/v2/pkg/utils"
	"k8s.io/api/core/v1"
)

var (
	chainPrefixes = []string{"KUBE-ROUTER-", "KUBE-POD-FW-", "KUBE-NWPLCY-"}
	setPrefixes   = []string{"KUBE-SRC-", "KUBE-DST-"}
)

func hasPrefix(name string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// ownSets does not see the sets of other programs, which would be written back
// as they were a moment ago.
type ownSets struct{ utils.IPSetHandler }

func (sets ownSets) Save() error {
	if err := sets.IPSetHandler.Save(); err != nil {
		return err
	}
	for name := range sets.Sets() {
		if !hasPrefix(name, setPrefixes) {
			delete(sets.Sets(), name)
		}
	}
	return nil
}

// ownChains reads and replaces the controller's own chains. By itself the
// controller reads the whole table and writes all of it back, which undoes
// what kube-proxy wrote in between.
type ownChains struct {
	table utils.IPTablesSaveRestorer
	// chains that there were at the last reading
	found []string
}

// writeOwnChainsOnly gives the controller, which has no setting for it, another
// way to write.
func writeOwnChainsOnly(controller *netpol.NetworkPolicyController) error {
	const name = "iptablesSaveRestore"
	field := reflect.ValueOf(controller).Elem().FieldByName(name)
	if !field.IsValid() || field.Type() != reflect.TypeFor[map[v1.IPFamily]utils.IPTablesSaveRestorer]() {
		return fmt.Errorf("this version of kube-router has no %s as it was", name)
	}
	tables := *(*map[v1.IPFamily]utils.IPTablesSaveRestorer)(unsafe.Pointer(field.UnsafeAddr()))
	for family, table := range tables {
		tables[family] = &ownChains{table: table}
	}
	return nil
}

// SaveInto reads the own chains.
func (chains *ownChains) SaveInto(table string, buffer *bytes.Buffer) error {
	var all bytes.Buffer
	if err := chains.table.SaveInto(table, &all); err != nil {
		return err
	}
	own, rules := parse(all.String())
	chains.found = own
	for _, chain := range own {
		fmt.Fprintf(buffer, ":%s\n", chain)
	}
	for _, rule := range rules {
		fmt.Fprintln(buffer, rule)
	}
	return nil
}

// Restore replaces the own chains.
func (chains *ownChains) Restore(table string, data []byte) error {
	restore := exec.Command("iptables-restore", "--wait", "--noflush")
	restore.Stdin = strings.NewReader(replacement(table, chains.found, string(data)))
	if output, err := restore.CombinedOutput(); err != nil {
		return errors.Join(err, errors.New(string(output)))
	}
	return nil
}

// parse gives the own chains and their rules, out of what iptables-save wrote
// or iptables-restore would read.
func parse(text string) (chains, rules []string) {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, ":") && hasPrefix(words[0][1:], chainPrefixes):
			chains = append(chains, words[0][1:])
		case strings.HasPrefix(line, "-") && len(words) > 1 && hasPrefix(words[1], chainPrefixes):
			rules = append(rules, strings.TrimSpace(line))
		}
	}
	return chains, rules
}

// replacement is what iptables-restore needs to hear to put the wanted chains
// in place of those found, in one step.
func replacement(table string, found []string, wanted string) string {
	chains, rules := parse(wanted)
	var script strings.Builder
	fmt.Fprintf(&script, "*%s\n", table)
	stale := slices.DeleteFunc(slices.Clone(found), func(chain string) bool { return slices.Contains(chains, chain) })
	// Naming a chain empties it, and only an empty one can be deleted.
	for _, chain := range slices.Concat(chains, stale) {
		fmt.Fprintf(&script, ":%s - [0:0]\n", chain)
	}
	for _, rule := range rules {
		fmt.Fprintln(&script, rule)
	}
	for _, chain := range stale {
		fmt.Fprintf(&script, "-X %s\n", chain)
	}
	script.WriteString("COMMIT\n")
	return script.String()
}
