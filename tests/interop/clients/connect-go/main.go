// Command client has clients of Kafka Connect's REST API in Go under the commands of ../README.md.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"time"
)

// How long something may take on a slow and busy machine.
const patience = 60 * time.Second

// The modules of the clients.
var modules = map[string]string{
	"ricardo":  "github.com/ricardo-ch/go-kafka-connect/v3",
	"go-kafka": "github.com/go-kafka/connect",
}

// A walk is what a client is asked to do: names, and a line a step.
type walk struct {
	url, name, missing, topic, file string
	failed                          bool
}

func main() {
	client, command, rest := os.Args[1], os.Args[2], os.Args[3:]
	if command == "version" {
		fmt.Println(modules[client], version(modules[client]))
		return
	}
	w := &walk{url: rest[0], name: rest[1], missing: rest[1] + "-missing", topic: rest[1] + "-topic", file: rest[2]}
	switch client {
	case "ricardo":
		w.ricardo()
	case "go-kafka":
		w.goKafka()
	default:
		w.step(client, func() error { return fmt.Errorf("no such client") })
	}
	if w.failed {
		os.Exit(1)
	}
}

func version(module string) string {
	info, _ := debug.ReadBuildInfo()
	for _, dependency := range info.Deps {
		if dependency.Path == module {
			return dependency.Version
		}
	}
	return "of no known version"
}

func (w *walk) step(name string, action func() error) {
	if err := action(); err != nil {
		w.failed = true
		fmt.Printf("FAILED %s: %v\n", name, err)
		return
	}
	fmt.Printf("ok %s\n", name)
}

// What the connector is made with; without the topic it is not valid.
func (w *walk) config(name string, valid bool) map[string]string {
	config := map[string]string{
		"name":            name,
		"connector.class": "FileStreamSource",
		"tasks.max":       "1",
		"file":            w.file,
	}
	if valid {
		config["topic"] = w.topic
	}
	return config
}

// Looks again until it holds.
func until(what string, holds func() (bool, error)) error {
	deadline := time.Now().Add(patience)
	for {
		held, err := holds()
		if held || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited in vain for %s", what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func expect(holds bool, seen any) error {
	if holds {
		return nil
	}
	return fmt.Errorf("unexpected: %+v", seen)
}
