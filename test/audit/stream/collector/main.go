// An OpenTelemetry Collector from Debian's golang-opentelemetry-collector-dev: its command, its OTLP receiver, its
// processors. Two parts are ours, because the package has none of their kind: an exporter that writes what the
// Collector parsed to a file, and an extension that asks for a bearer token.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/debugexporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionauth"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/memorylimiterprocessor"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// version is set by the build: that of Debian's package.
var version = "unknown"

type linesConfig struct {
	// Path of the file: a request in each line, in the Collector's own JSON.
	Path string `mapstructure:"path"`
	// Refuse is how the first requests are answered: "retry", "throttle", "permanent", or "lost": taken, and refused.
	Refuse []string `mapstructure:"refuse"`
}

// refusals are errors as a backend behind the Collector would cause them.
func refusal(kind string) error {
	switch kind {
	case "retry":
		return errors.New("the backend is away")
	case "throttle":
		wait := &errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)}
		told, err := status.New(codes.ResourceExhausted, "the backend is full").WithDetails(wait)
		if err != nil {
			return err
		}
		return told.Err()
	default:
		return consumererror.NewPermanent(errors.New("the backend does not take it"))
	}
}

func createLines(ctx context.Context, set exporter.Settings, config component.Config) (exporter.Logs, error) {
	cfg := config.(*linesConfig)
	file, err := os.OpenFile(cfg.Path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	refusals := cfg.Refuse
	push := func(_ context.Context, logs plog.Logs) error {
		kind := ""
		if len(refusals) > 0 {
			kind, refusals = refusals[0], refusals[1:]
		}
		if kind != "" && kind != "lost" {
			return refusal(kind)
		}
		text, err := (&plog.JSONMarshaler{}).MarshalLogs(logs)
		if err != nil {
			return err
		}
		if _, err = file.Write(append(text, '\n')); err == nil && kind == "lost" {
			err = refusal("retry")
		}
		return err
	}
	return exporterhelper.NewLogs(ctx, set, config, push,
		exporterhelper.WithShutdown(func(context.Context) error { return file.Close() }))
}

type tokenConfig struct {
	Token string `mapstructure:"token"`
}

type tokenExtension struct {
	component.StartFunc
	component.ShutdownFunc
	extensionauth.ServerAuthenticateFunc
}

func createToken(_ context.Context, _ extension.Settings, config component.Config) (extension.Extension, error) {
	expected := "Bearer " + config.(*tokenConfig).Token
	authenticate := func(ctx context.Context, headers map[string][]string) (context.Context, error) {
		for _, name := range []string{"Authorization", "authorization"} {
			if values := headers[name]; len(values) == 1 && values[0] == expected {
				return ctx, nil
			}
		}
		return ctx, errors.New("no token, or another one")
	}
	return &tokenExtension{ServerAuthenticateFunc: authenticate}, nil
}

func factories() (otelcol.Factories, error) {
	made := otelcol.Factories{Telemetry: otelconftelemetry.NewFactory()}
	var problems [4]error
	made.Receivers, problems[0] = otelcol.MakeFactoryMap[receiver.Factory](otlpreceiver.NewFactory())
	made.Processors, problems[1] = otelcol.MakeFactoryMap[processor.Factory](memorylimiterprocessor.NewFactory())
	made.Exporters, problems[2] = otelcol.MakeFactoryMap[exporter.Factory](
		debugexporter.NewFactory(),
		exporter.NewFactory(component.MustNewType("lines"), func() component.Config { return &linesConfig{} },
			exporter.WithLogs(createLines, component.StabilityLevelDevelopment)))
	made.Extensions, problems[3] = otelcol.MakeFactoryMap[extension.Factory](
		extension.NewFactory(component.MustNewType("token"), func() component.Config { return &tokenConfig{} },
			createToken, component.StabilityLevelDevelopment))
	return made, errors.Join(problems[:]...)
}

func main() {
	settings := otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "otelcol", Description: "OpenTelemetry Collector", Version: version},
		Factories: factories,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory()},
			DefaultScheme:     "file",
		}},
	}
	if err := otelcol.NewCommand(settings).Execute(); err != nil {
		log.Fatal(fmt.Errorf("the Collector ended: %w", err))
	}
}
