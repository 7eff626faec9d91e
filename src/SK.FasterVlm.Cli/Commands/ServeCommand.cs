using System.CommandLine;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using SK.FasterVlm.Cli.Options;
using SK.FasterVlm.Cli.Output;
using SK.FasterVlm.Server;

namespace SK.FasterVlm.Cli.Commands;

/// <summary><c>fastervlm serve</c>: the model behind OpenAI's protocol until a signal comes, then open answers get some seconds to end.</summary>
internal sealed class ServeCommand
{
    const int DefaultPort = 8080;

    static readonly FasterVlmOptions Standard = Prepared(new());

    readonly Option<int> _parallel = ValueParsers.Integer("--parallel", "Requests answered at once; others wait.", 1, 64, Standard.MaxSequences);
    readonly Option<int> _cache = ValueParsers.Integer(
        "--kv-length", "Positions of the KV cache, which all requests share and which takes memory; 0: for --parallel contexts while that takes "
        + "512 MiB at most, but always for one.", 0, 67_108_864, 0);
    readonly Option<int> _queue = ValueParsers.Integer("--queue", "Requests that may wait for the model; the next is answered 429.", 0, 100_000, Standard.MaxQueuedRequests);
    readonly ServeOptions _serve = new();
    readonly PruningOptions _pruning = new();
    readonly ModelOptions _model = new();
    readonly Option<string> _host = new("--host")
    {
        Description = "Address to listen on: localhost, an IP address, or * for all (needs a key).",
        HelpName = "address",
        DefaultValueFactory = static _ => "localhost",
    };
    readonly Option<int> _port = ValueParsers.Integer("--port", "Port; 0: any free one.", 0, 65535, DefaultPort);
    readonly CommandContext _context;

    ServeCommand(CommandContext context) => _context = context;

    /// <summary>Builds the command.</summary>
    public static Command Create(CommandContext context)
    {
        ServeCommand self = new(context);
        Command command = new("serve", "Serve the model to OpenAI clients over HTTP.") { self._host, self._port, self._parallel, self._queue, self._cache };
        self._serve.AddTo(command);
        self._pruning.AddTo(command);
        command.Add(ModelOptions.MaxTokens);
        self._model.AddTo(command);
        command.SetAction(self.RunAsync);
        return command;
    }

    async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        Terminal terminal = _context.Terminal;
        bool verbose = parsed.GetValue(GlobalOptions.Verbose);
        string host = parsed.GetRequiredValue(_host);
        int port = parsed.GetValue(_port);
        // Before the model is loaded, which may take a while.
        FasterVlmServerOptions probe = new();
        CliChecks.Run(() =>
        {
            _serve.Apply(parsed, probe);
            FasterVlmServerApplication.Check(host, port, probe);
        });

        await using ModelSession session = await ModelSession.LoadAsync(terminal, ReadModel(parsed), verbose, cancellationToken);
        await using WebApplication app = FasterVlmServerApplication.Create(host, port, options => _serve.Apply(parsed, options), builder =>
        {
            builder.Services.AddSingleton<IChatClient>(session.Model.CreateChatClient());
            Logging.AddTo(builder.Logging, verbose ? LogLevel.Debug : LogLevel.Warning);
        });
        await app.StartAsync(cancellationToken);
        foreach (string address in app.Urls) terminal.Out.WriteLine($"Listening on {address}");
        terminal.Out.WriteLine($"Model {session.Model.ModelId}; OpenAI clients take {app.Urls.First()}/v1 as their base URL.");
        await terminal.Out.FlushAsync(CancellationToken.None);

        // The signal that ends a server is how it is meant to end, so what follows is no failure.
        TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using (cancellationToken.Register(ended.SetResult)) await ended.Task;
        await app.StopAsync(CancellationToken.None);
        return ExitCodes.Success;
    }

    FasterVlmOptions ReadModel(ParseResult parsed)
    {
        FasterVlmOptions options = Prepared(_model.Read(parsed));
        options.ImageLimits = new(); // what strangers send is bounded as published
        options.MaxOutputTokens = parsed.GetValue(ModelOptions.MaxTokens);
        options.VisualTokens = _pruning.Budget(parsed) ?? options.VisualTokens;
        options.Selector = _pruning.Selector(parsed);
        (options.MaxSequences, options.MaxQueuedRequests, options.KvCacheLength) = (parsed.GetValue(_parallel), parsed.GetValue(_queue), parsed.GetValue(_cache));
        ModelOptions.Check(options);
        return options;
    }

    static FasterVlmOptions Prepared(FasterVlmOptions options)
    {
        FasterVlmServerOptions.Prepare(options);
        return options;
    }
}
