// Command client is franz-go under the commands of ../README.md.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"time"
)

// Bounds every command; a check that waits for longer has failed.
const patience = 3 * time.Minute

func main() {
	command, rest := os.Args[1], os.Args[2:]
	if command == "version" {
		fmt.Println(version())
		return
	}
	server, rest := rest[0], rest[1:]
	if command == "member" {
		member(server, rest[0], rest[1])
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	failed := false
	report := func(name string, err error) {
		if err != nil {
			failed = true
			fmt.Printf("FAILED %s: %v\n", name, err)
			return
		}
		fmt.Printf("ok %s\n", name)
	}
	switch command {
	case "checks":
		for _, check := range checks {
			report(check.name, check.run(ctx, server))
		}
	case "produce":
		for _, codec := range rest[1:] {
			report("produced "+codec, produceStandard(ctx, server, rest[0]+"-"+codec, codec))
		}
	case "consume":
		for _, topic := range rest {
			report("consumed "+topic, consumeStandard(ctx, server, topic))
		}
	case "fill":
		from, _ := strconv.Atoi(rest[1])
		to, _ := strconv.Atoi(rest[2])
		report("filled", fill(ctx, server, rest[0], from, to))
	default:
		report(command, fmt.Errorf("no such command"))
	}
	if failed {
		os.Exit(1)
	}
}

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == "github.com/twmb/franz-go" {
			return "franz-go " + module.Version
		}
	}
	return "franz-go"
}
