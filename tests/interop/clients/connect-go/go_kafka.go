package main

import (
	"errors"
	"maps"
	"slices"

	"github.com/go-kafka/connect"
)

// Walks with go-kafka's client.
func (w *walk) goKafka() {
	client := connect.NewClient(w.url)
	config := connect.ConnectorConfig(w.config(w.name, true))
	all := func(state string) func() (bool, error) {
		return func() (bool, error) {
			status, answer, err := client.GetConnectorStatus(w.name)
			if answer != nil && answer.StatusCode == 404 {
				// A worker of a group has no status yet in the first moments.
				return false, nil
			}
			if err != nil {
				return false, err
			}
			is := status.Connector.State == state && len(status.Tasks) == 1 && status.Tasks[0].State == state
			return is && status.Tasks[0].WorkerID != "", nil
		}
	}
	running := func() error { return until("it to run", all("RUNNING")) }

	w.step("create", func() error {
		connector := connect.Connector{Name: w.name, Config: config}
		answer, err := client.CreateConnector(&connector)
		if err != nil {
			return err
		}
		return expect(answer.StatusCode == 201 && maps.Equal(connector.Config, config), connector)
	})
	w.step("listed", func() error {
		if err := running(); err != nil {
			return err
		}
		names, _, err := client.ListConnectors()
		if err != nil {
			return err
		}
		return expect(slices.Contains(names, w.name), names)
	})
	w.step("read", func() error {
		connector, _, err := client.GetConnector(w.name)
		if err != nil {
			return err
		}
		if err := expect(slices.Equal(connector.Tasks, []connect.TaskID{{ConnectorName: w.name, ID: 0}}), connector); err != nil {
			return err
		}
		found, _, err := client.GetConnectorConfig(w.name)
		if err != nil {
			return err
		}
		return expect(maps.Equal(found, config), found)
	})
	w.step("tasks", func() error {
		tasks, _, err := client.GetConnectorTasks(w.name)
		if err != nil {
			return err
		}
		return expect(len(tasks) == 1 && tasks[0].Config["topic"] == w.topic, tasks)
	})
	w.step("pause", func() error {
		answer, err := client.PauseConnector(w.name)
		if err != nil {
			return err
		}
		if err := expect(answer.StatusCode == 202, answer); err != nil {
			return err
		}
		return until("it to be paused", all("PAUSED"))
	})
	w.step("resume", func() error {
		if _, err := client.ResumeConnector(w.name); err != nil {
			return err
		}
		return running()
	})
	w.step("restart", func() error {
		answer, err := client.RestartConnector(w.name)
		if err != nil {
			return err
		}
		if err := expect(answer.StatusCode == 204, answer); err != nil {
			return err
		}
		return running()
	})
	w.step("update", func() error {
		changed := with(config, "batch.size", "100")
		connector, answer, err := client.UpdateConnectorConfig(w.name, changed)
		if err != nil {
			return err
		}
		if err := expect(answer.StatusCode == 200 && maps.Equal(connector.Config, changed), connector); err != nil {
			return err
		}
		return running()
	})
	w.step("errors", func() error {
		_, err := client.CreateConnector(&connect.Connector{Name: w.name, Config: config})
		if err := has(err, 409); err != nil {
			return err
		}
		_, err = client.CreateConnector(&connect.Connector{Name: w.missing, Config: w.config(w.missing, false)})
		if err := has(err, 400); err != nil {
			return err
		}
		for _, ask := range []func() error{
			func() error { _, _, err := client.GetConnector(w.missing); return err },
			func() error { _, _, err := client.GetConnectorConfig(w.missing); return err },
			func() error { _, _, err := client.GetConnectorStatus(w.missing); return err },
			func() error { _, _, err := client.GetConnectorTasks(w.missing); return err },
			func() error { _, err := client.PauseConnector(w.missing); return err },
			func() error { _, err := client.ResumeConnector(w.missing); return err },
			func() error { _, err := client.RestartConnector(w.missing); return err },
			func() error { _, err := client.DeleteConnector(w.missing); return err },
		} {
			if err := has(ask(), 404); err != nil {
				return err
			}
		}
		return nil
	})
	w.step("delete", func() error {
		answer, err := client.DeleteConnector(w.name)
		if err != nil {
			return err
		}
		if err := expect(answer.StatusCode == 204, answer); err != nil {
			return err
		}
		return until("it to be gone", func() (bool, error) {
			names, _, err := client.ListConnectors()
			return !slices.Contains(names, w.name), err
		})
	})
}

// The error must be Connect's own, with this status in its body.
func has(err error, status int) error {
	var said connect.APIError
	return expect(errors.As(err, &said) && said.Code == status && said.Message != "", err)
}
