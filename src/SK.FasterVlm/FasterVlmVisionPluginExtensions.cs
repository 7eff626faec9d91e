using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using SK.FasterVlm;

namespace Microsoft.SemanticKernel;

/// <summary>Adds <see cref="VisionPlugin"/> where Semantic Kernel looks for plugins.</summary>
public static class FasterVlmVisionPluginExtensions
{
    /// <summary>Name of the plugin when none is given.</summary>
    public const string DefaultName = "vision";

    /// <summary>Adds the plugin over any vision model.</summary>
    /// <param name="plugins">A kernel's plugins.</param>
    /// <param name="eyes">The vision model; stays the caller's.</param>
    /// <param name="options">What may be looked at; null for the defaults, which allow data URIs only.</param>
    /// <param name="pluginName">Its name in front of the functions' names.</param>
    public static KernelPlugin AddFasterVlmVisionPlugin(
        this ICollection<KernelPlugin> plugins, IChatClient eyes, VisionPluginOptions? options = null, string pluginName = DefaultName)
    {
        ArgumentNullException.ThrowIfNull(plugins);
        KernelPlugin plugin = KernelPluginFactory.CreateFromObject(new VisionPlugin(eyes, options), pluginName);
        plugins.Add(plugin);
        return plugin;
    }

    /// <summary>Adds the plugin over a model registered by <c>AddFasterVlmChatClient</c> or <c>AddFasterVlmChatCompletion</c>.</summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">What may be looked at; null for the defaults, which allow data URIs only.</param>
    /// <param name="serviceId">Of the vision model; null for the default one.</param>
    /// <param name="pluginName">Its name in front of the functions' names.</param>
    public static IServiceCollection AddFasterVlmVisionPlugin(
        this IServiceCollection services, Action<VisionPluginOptions>? configure = null, string? serviceId = null, string pluginName = DefaultName)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddSingleton(provider =>
        {
            ChatClientPipeline eyes = provider.GetKeyedService<ChatClientPipeline>(serviceId) ?? throw new InvalidOperationException(
                $"There is no vision model{(serviceId is null ? "" : $" \"{serviceId}\"")} for the vision plugin; register it with AddFasterVlmChatClient.");
            VisionPluginOptions options = new();
            configure?.Invoke(options);
            return KernelPluginFactory.CreateFromObject(new VisionPlugin(eyes.Plain, options, provider.GetService<ILoggerFactory>()), pluginName);
        });
        return services;
    }

    /// <summary>Adds the plugin over a model registered by <c>AddFasterVlmChatClient</c> or <c>AddFasterVlmChatCompletion</c>.</summary>
    /// <inheritdoc cref="AddFasterVlmVisionPlugin(IServiceCollection, Action{VisionPluginOptions}?, string?, string)"/>
    public static IKernelBuilder AddFasterVlmVisionPlugin(
        this IKernelBuilder builder, Action<VisionPluginOptions>? configure = null, string? serviceId = null, string pluginName = DefaultName)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddFasterVlmVisionPlugin(configure, serviceId, pluginName);
        return builder;
    }
}
