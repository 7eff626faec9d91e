using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using OpenTelemetry.Metrics;
using SK.FasterVlm;
using SK.FasterVlm.Server;
using SK.FasterVlm.Server.ChatCompletions;
using SK.FasterVlm.Server.Media;
using SK.FasterVlm.Server.OpenApi;
using SK.FasterVlm.Server.Operations;
using SK.FasterVlm.Server.Requests;
using SK.FasterVlm.Server.Responses;
using SK.FasterVlm.Server.Security;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers what the OpenAI-compatible endpoints need.</summary>
public static class FasterVlmServerServiceCollectionExtensions
{
    /// <summary>
    /// Registers the endpoints of one model; <c>app.MapFasterVlmOpenAI()</c> maps them. The model is the <see cref="IChatClient"/>
    /// registered before under the same service id (with whatever decorators it has), or else the embedded one, or what
    /// <paramref name="model"/> names. It is loaded while the application starts, unless <see cref="FasterVlmServiceOptions.WarmUp"/> says otherwise.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Changes the server's options, which are checked when the application starts.</param>
    /// <param name="model">Changes the model's options; used only when no chat client is registered yet.</param>
    /// <param name="serviceId">Key of the chat client; null for the default one.</param>
    public static IServiceCollection AddFasterVlmServer(
        this IServiceCollection services, Action<FasterVlmServerOptions>? configure = null, Action<FasterVlmOptions>? model = null,
        string? serviceId = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        string name = serviceId ?? Options.Options.DefaultName;
        services.AddOptions<FasterVlmServerOptions>().Configure(options => configure?.Invoke(options)).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<FasterVlmServerOptions>>(
            new OptionsValidator<FasterVlmServerOptions>(Options.Options.DefaultName, static o => o.Validate())));
        // So that the first client does not wait for the model. In front of whatever configures them: what an application says goes before it, wherever it says it.
        services.Insert(0, ServiceDescriptor.Singleton<IConfigureOptions<FasterVlmServiceOptions>>(
            new ConfigureNamedOptions<FasterVlmServiceOptions>(name, static o => o.WarmUp = FasterVlmWarmUp.Background)));
        if (!services.Any(s => s.ServiceType == typeof(IChatClient) && Equals(s.ServiceKey, serviceId)))
        {
            services.AddFasterVlmChatClient(model, serviceId);
            services.Insert(0, ServiceDescriptor.Singleton<IConfigureOptions<FasterVlmOptions>>(
                new ConfigureNamedOptions<FasterVlmOptions>(name, FasterVlmServerOptions.Prepare)));
            // The functions are the clients' to call.
            services.Configure<FasterVlmServiceOptions>(name, static options => options.InvokeFunctions = false);
        }
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(provider => new ServedModel(
            provider.GetRequiredKeyedService<IChatClient>(serviceId),
            provider.GetRequiredService<IOptionsMonitor<FasterVlmOptions>>().Get(name),
            provider.GetRequiredService<IOptions<FasterVlmServerOptions>>().Value, provider.GetRequiredService<TimeProvider>()));
        services.TryAddSingleton<RequestGuard>();
        services.TryAddSingleton<Admission>();
        services.TryAddSingleton<RemoteImages>();
        services.TryAddSingleton<RequestPipeline>();
        services.TryAddSingleton<ChatCompletionsEndpoint>();
        services.TryAddSingleton<ResponsesEndpoint>();
        services.TryAddSingleton<ModelsEndpoint>();
        services.TryAddSingleton<ApiDocument>();
        services.AddHostedService<ExposureCheck>();
        services.AddHealthChecks().AddCheck<ModelHealthCheck>(ModelHealthCheck.Name, tags: [ModelHealthCheck.Name]);
        services.AddOpenTelemetry().WithMetrics(static metrics => metrics
            .AddMeter("SK.FasterVlm*", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel").AddPrometheusExporter());
        return services;
    }
}
