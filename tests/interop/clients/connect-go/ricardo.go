package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/ricardo-ch/go-kafka-connect/v3/lib/connectors"
)

// Walks with ricardo-ch's client, whose `sync` calls wait by themselves, and which asks again after a 409.
func (w *walk) ricardo() {
	client := connectors.NewClient(w.url)
	client.SetHeader("X-Of", "the walk")
	own, absent := connectors.ConnectorRequest{Name: w.name}, connectors.ConnectorRequest{Name: w.missing}
	request := func(name string, valid bool, further map[string]string) connectors.CreateConnectorRequest {
		config := map[string]any{}
		for key, value := range w.config(name, valid) {
			config[key] = value
		}
		for key, value := range further {
			config[key] = value
		}
		return connectors.CreateConnectorRequest{ConnectorRequest: connectors.ConnectorRequest{Name: name}, Config: config}
	}
	running := func() error {
		return until("the connector and its task to run", func() (bool, error) {
			status, err := client.GetConnectorStatus(own)
			tasks := status.TasksStatus
			runs := status.ConnectorStatus["state"] == "RUNNING" && len(tasks) == 1 && tasks[0].State == "RUNNING"
			return runs, err
		})
	}

	w.step("create", func() error {
		made, err := client.CreateConnector(request(w.name, true, nil), true)
		if err != nil {
			return err
		}
		return expect(made.Code == 201 && made.Name == w.name && made.Config["topic"] == w.topic, made)
	})
	w.step("listed", func() error {
		if err := running(); err != nil {
			return err
		}
		all, err := client.GetAll()
		if err != nil {
			return err
		}
		return expect(slices.Contains(all.Connectors, w.name), all)
	})
	w.step("read", func() error {
		found, err := client.GetConnector(own)
		if err != nil {
			return err
		}
		if err := expect(len(found.Tasks) == 1 && found.Tasks[0].Connector == w.name, found); err != nil {
			return err
		}
		upToDate, err := client.IsUpToDate(w.name, request(w.name, true, nil).Config)
		if err != nil {
			return err
		}
		return expect(upToDate, "a difference")
	})
	w.step("tasks", func() error {
		tasks, err := client.GetAllTasks(own)
		if err != nil {
			return err
		}
		if err := expect(len(tasks.Tasks) == 1 && tasks.Tasks[0].Config["file"] == w.file, tasks); err != nil {
			return err
		}
		status, err := client.GetTaskStatus(connectors.TaskRequest{Connector: w.name, TaskID: 0})
		if err != nil {
			return err
		}
		return expect(status.Code == 200, status)
	})
	w.step("pause", func() error {
		_, err := client.PauseConnector(own, true)
		return err
	})
	w.step("resume", func() error {
		if _, err := client.ResumeConnector(own, true); err != nil {
			return err
		}
		return running()
	})
	w.step("restart", func() error {
		if _, err := client.RestartConnector(own); err != nil {
			return err
		}
		if err := running(); err != nil {
			return err
		}
		if _, err := client.RestartTask(connectors.TaskRequest{Connector: w.name, TaskID: 0}); err != nil {
			return err
		}
		return running()
	})
	w.step("update", func() error {
		changed := request(w.name, true, map[string]string{"batch.size": "100"})
		if _, err := client.UpdateConnector(changed, true); err != nil {
			return err
		}
		// Deploys what is as it should be, and what is not.
		again := request(w.name, true, map[string]string{"batch.size": "200"})
		if err := client.DeployMultipleConnector([]connectors.CreateConnectorRequest{changed, again}); err != nil {
			return err
		}
		return running()
	})
	w.step("errors", func() error {
		_, exists := client.CreateConnector(request(w.name, true, nil), false)
		if err := refused(exists, "already exists"); err != nil {
			return err
		}
		_, invalid := client.CreateConnector(request(w.missing, false, nil), false)
		if err := refused(invalid, "topic"); err != nil {
			return err
		}
		missing, err := client.GetConnector(absent)
		if err != nil {
			return err
		}
		if err := expect(missing.Code == 404, missing); err != nil {
			return err
		}
		for _, ask := range []func() error{
			func() error { _, err := client.PauseConnector(absent, false); return err },
			func() error { _, err := client.ResumeConnector(absent, false); return err },
			func() error { _, err := client.RestartConnector(absent); return err },
			func() error { _, err := client.DeleteConnector(absent, false); return err },
			func() error { _, err := client.GetAllTasks(absent); return err },
		} {
			if err := refused(ask(), "404"); err != nil {
				return err
			}
		}
		return nil
	})
	w.step("delete", func() error {
		_, err := client.DeleteConnector(own, true)
		return err
	})
}

// The error must be there and say this.
func refused(err error, part string) error {
	return expect(err != nil && strings.Contains(err.Error(), part), err)
}

// A configuration with one more key.
func with(config map[string]string, key, value string) map[string]string {
	changed := maps.Clone(config)
	changed[key] = value
	return changed
}
