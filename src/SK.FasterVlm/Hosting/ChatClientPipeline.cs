using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.SemanticKernel;
using SK.FasterVlm.Telemetry;

namespace SK.FasterVlm;

/// <summary>What stands around a hosted client: the standard decorators, in the order Semantic Kernel's own registrations have.</summary>
sealed class ChatClientPipeline : IDisposable
{
    readonly FasterVlmServiceOptions _options;
    readonly ILoggerFactory _loggers;
    readonly IServiceProvider _services;

    public ChatClientPipeline(IChatClient client, FasterVlmServiceOptions options, IServiceProvider services)
    {
        (_options, _services, _loggers) = (options, services, services.GetService<ILoggerFactory>() ?? NullLoggerFactory.Instance);
        ChatClientBuilder builder = client.AsBuilder();
        if (options.Telemetry)
        {
            builder.UseOpenTelemetry(_loggers, FasterVlmTelemetry.Name, c => c.EnableSensitiveData = options.SensitiveTelemetry);
            if (_loggers is not NullLoggerFactory) builder.UseLogging(_loggers);
            builder.UseFasterVlmTelemetry();
        }
        Plain = new KernelFunctionsChatClient(builder.Build(services));
    }

    /// <summary>Measured and logged; gives calls of functions back. What Semantic Kernel's service works on, which invokes them itself.</summary>
    public IChatClient Plain { get; }

    /// <summary>What an application is given as <see cref="IChatClient"/>.</summary>
    public IChatClient Public()
    {
        if (!_options.InvokeFunctions) return Plain;
        IChatClient client = Plain.AsBuilder().UseKernelFunctionInvocation(_loggers).Build(_services);
        client.GetRequiredService<FunctionInvokingChatClient>().IncludeDetailedErrors = _options.FunctionErrorDetails;
        return client;
    }

    public void Dispose() => Plain.Dispose();
}
