using Microsoft.Extensions.AI;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.SemanticKernel.ChatCompletion;
using SK.FasterVlm;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>
/// Registers a local vision-language model. One model per service id: its options are the <see cref="FasterVlmOptions"/> of that name
/// and are checked when the host starts; its services are keyed by the id; the model is loaded with the first request (or before, see
/// <see cref="FasterVlmServiceOptions"/>), shared, and disposed with the container, after the services.
/// </summary>
public static class FasterVlmServiceCollectionExtensions
{
    /// <summary>
    /// Registers <see cref="IChatClient"/> and <see cref="IChatCompletionService"/> for the embedded model, or what
    /// <paramref name="configure"/> names.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Changes options; runs after configuration has been bound.</param>
    /// <param name="serviceId">Key of the services and name of the options; null for the default ones.</param>
    public static IServiceCollection AddFasterVlmChatCompletion(
        this IServiceCollection services, Action<FasterVlmOptions>? configure = null, string? serviceId = null)
    {
        services.AddFasterVlmChatClient(configure, serviceId);
        services.AddKeyedSingleton<IChatCompletionService>(serviceId, (provider, key) =>
        {
            FasterVlmServiceOptions options = ServiceOptions(provider, serviceId);
            return new FasterVlmChatCompletionService(
                provider.GetRequiredKeyedService<ChatClientPipeline>(key).Plain, provider.GetService<ILoggerFactory>(),
                options.MaxAutoInvokeRounds, options.FunctionErrorDetails);
        });
        return services;
    }

    /// <summary>
    /// Registers both services for a model of the catalog. It is taken from the cache, without a network; what is missing is fetched
    /// with the first request, unless <see cref="FasterVlmOptions.Downloads"/> forbids it.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="model">Name in the catalog, with a quantisation if need be: <c>llava-1.5-7b</c>, <c>llava-1.5-7b:Q5_K_M</c>.</param>
    /// <param name="configure">Changes further options.</param>
    /// <param name="serviceId">Key of the services and name of the options; null for the default ones.</param>
    public static IServiceCollection AddFasterVlmChatCompletion(
        this IServiceCollection services, string model, Action<FasterVlmOptions>? configure = null, string? serviceId = null) =>
        services.AddFasterVlmChatCompletion(Named(model, configure), serviceId);

    /// <summary>Registers both services for a model given by its two files.</summary>
    /// <param name="services">The services.</param>
    /// <param name="modelPath">Language model (GGUF).</param>
    /// <param name="projectorPath">Vision tower and projector (GGUF, "mmproj").</param>
    /// <param name="serviceId">Key of the services and name of the options; null for the default ones.</param>
    /// <param name="configure">Changes further options.</param>
    public static IServiceCollection AddFasterVlmChatCompletion(
        this IServiceCollection services, string modelPath, string projectorPath, string? serviceId = null,
        Action<FasterVlmOptions>? configure = null) =>
        services.AddFasterVlmChatCompletion(Files(modelPath, projectorPath, configure), serviceId);

    /// <summary>Registers both services for a model whose options are read from configuration.</summary>
    /// <param name="services">The services.</param>
    /// <param name="configuration">A section with the properties of <see cref="FasterVlmOptions"/>; a budget is written <c>10%</c>,
    /// <c>58</c> or <c>mass:0.9</c>.</param>
    /// <param name="serviceId">Key of the services and name of the options; null for the default ones.</param>
    public static IServiceCollection AddFasterVlmChatCompletion(
        this IServiceCollection services, IConfiguration configuration, string? serviceId = null)
    {
        services.Bind(configuration, serviceId);
        return services.AddFasterVlmChatCompletion(serviceId: serviceId);
    }

    /// <summary>Registers <see cref="IChatClient"/> alone for the embedded model, or what <paramref name="configure"/> names.</summary>
    /// <inheritdoc cref="AddFasterVlmChatCompletion(IServiceCollection, Action{FasterVlmOptions}?, string?)"/>
    public static IServiceCollection AddFasterVlmChatClient(
        this IServiceCollection services, Action<FasterVlmOptions>? configure = null, string? serviceId = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        string name = serviceId ?? Options.Options.DefaultName;
        services.AddOptions<FasterVlmOptions>(name).Configure(options => configure?.Invoke(options)).ValidateOnStart();
        services.AddSingleton<IValidateOptions<FasterVlmOptions>>(new OptionsValidator<FasterVlmOptions>(name, ModelOptionsCheck.Check));
        // The name a kernel selects services by must be known before the file is read, and be the same afterwards.
        services.PostConfigure<FasterVlmOptions>(name, static options => options.ModelId ??= FasterVlmModelHost.NameOf(options));
        services.TryAddKeyedSingleton(serviceId, (provider, _) => new FasterVlmModelHost(
            provider.GetRequiredService<IOptionsMonitor<FasterVlmOptions>>().Get(name), provider.GetService<ILoggerFactory>()));
        services.TryAddKeyedSingleton(serviceId, (provider, key) => new ChatClientPipeline(
            new HostedChatClient(provider.GetRequiredKeyedService<FasterVlmModelHost>(key)), ServiceOptions(provider, serviceId), provider));
        services.AddKeyedSingleton(serviceId, static (provider, key) => provider.GetRequiredKeyedService<ChatClientPipeline>(key).Public());
        services.AddLifetime(serviceId);
        return services;
    }

    /// <summary>Registers <see cref="IChatClient"/> alone for a model of the catalog.</summary>
    /// <inheritdoc cref="AddFasterVlmChatCompletion(IServiceCollection, string, Action{FasterVlmOptions}?, string?)"/>
    public static IServiceCollection AddFasterVlmChatClient(
        this IServiceCollection services, string model, Action<FasterVlmOptions>? configure = null, string? serviceId = null) =>
        services.AddFasterVlmChatClient(Named(model, configure), serviceId);

    /// <summary>Registers <see cref="IChatClient"/> alone for a model given by its two files.</summary>
    /// <inheritdoc cref="AddFasterVlmChatCompletion(IServiceCollection, string, string, string?, Action{FasterVlmOptions}?)"/>
    public static IServiceCollection AddFasterVlmChatClient(
        this IServiceCollection services, string modelPath, string projectorPath, string? serviceId = null,
        Action<FasterVlmOptions>? configure = null) =>
        services.AddFasterVlmChatClient(Files(modelPath, projectorPath, configure), serviceId);

    /// <summary>Registers <see cref="IChatClient"/> alone for a model whose options are read from configuration.</summary>
    /// <inheritdoc cref="AddFasterVlmChatCompletion(IServiceCollection, IConfiguration, string?)"/>
    public static IServiceCollection AddFasterVlmChatClient(
        this IServiceCollection services, IConfiguration configuration, string? serviceId = null)
    {
        services.Bind(configuration, serviceId);
        return services.AddFasterVlmChatClient(serviceId: serviceId);
    }

    /// <summary>Once for each model, however often it is registered.</summary>
    static void AddLifetime(this IServiceCollection services, string? serviceId)
    {
        if (services.Any(s => s.ServiceType == typeof(FasterVlmLifetime) && Equals(s.ServiceKey, serviceId))) return;
        string name = serviceId ?? Options.Options.DefaultName;
        services.AddOptions<FasterVlmServiceOptions>(name).ValidateOnStart();
        services.AddSingleton<IValidateOptions<FasterVlmServiceOptions>>(new OptionsValidator<FasterVlmServiceOptions>(name, static o => o.Validate()));
        services.AddKeyedSingleton(serviceId, (provider, key) => new FasterVlmLifetime(
            provider.GetRequiredKeyedService<FasterVlmModelHost>(key), ServiceOptions(provider, serviceId),
            provider.GetService<TimeProvider>() ?? TimeProvider.System, (provider.GetService<ILoggerFactory>() ?? NullLoggerFactory.Instance).CreateLogger<FasterVlmLifetime>()));
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredKeyedService<FasterVlmLifetime>(serviceId));
    }

    static FasterVlmServiceOptions ServiceOptions(IServiceProvider provider, string? serviceId) =>
        provider.GetRequiredService<IOptionsMonitor<FasterVlmServiceOptions>>().Get(serviceId ?? Options.Options.DefaultName);

    static void Bind(this IServiceCollection services, IConfiguration configuration, string? serviceId)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configuration);
        services.AddOptions<FasterVlmOptions>(serviceId ?? Options.Options.DefaultName)
            .Bind(configuration, static binder => binder.ErrorOnUnknownConfiguration = true);
    }

    static Action<FasterVlmOptions> Named(string model, Action<FasterVlmOptions>? configure)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(model);
        return options =>
        {
            options.Model = model;
            configure?.Invoke(options);
        };
    }

    static Action<FasterVlmOptions> Files(string modelPath, string projectorPath, Action<FasterVlmOptions>? configure)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(modelPath);
        ArgumentException.ThrowIfNullOrWhiteSpace(projectorPath);
        return options =>
        {
            options.ModelPath = modelPath;
            options.ProjectorPath = projectorPath;
            configure?.Invoke(options);
        };
    }
}
