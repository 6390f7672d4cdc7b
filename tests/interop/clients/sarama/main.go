// Command client is sarama under the commands of ../README.md.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
)

func main() {
	command, rest := os.Args[1], os.Args[2:]
	if command == "version" {
		fmt.Println(version())
		return
	}
	server, rest := rest[0], rest[1:]
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
			report(check.name, check.run(server))
		}
	case "produce":
		for _, codec := range rest[1:] {
			report("produced "+codec, produceStandard(server, rest[0]+"-"+codec, codec))
		}
	case "consume":
		for _, topic := range rest {
			report("consumed "+topic, consumeStandard(server, topic))
		}
	case "fill":
		from, _ := strconv.Atoi(rest[1])
		to, _ := strconv.Atoi(rest[2])
		report("filled", fill(server, rest[0], from, to))
	case "member":
		if err := member(server, rest[0], rest[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			failed = true
		}
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
		if module.Path == "github.com/IBM/sarama" {
			return "sarama " + module.Version
		}
	}
	return "sarama"
}
