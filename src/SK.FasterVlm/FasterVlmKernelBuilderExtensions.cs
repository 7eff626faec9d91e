using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using SK.FasterVlm;

namespace Microsoft.SemanticKernel;

/// <summary>The registrations of <see cref="FasterVlmServiceCollectionExtensions"/> on a kernel's builder.</summary>
public static class FasterVlmKernelBuilderExtensions
{
    /// <inheritdoc cref="FasterVlmServiceCollectionExtensions.AddFasterVlmChatCompletion(IServiceCollection, Action{FasterVlmOptions}?, string?)"/>
    public static IKernelBuilder AddFasterVlmChatCompletion(
        this IKernelBuilder builder, Action<FasterVlmOptions>? configure = null, string? serviceId = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddFasterVlmChatCompletion(configure, serviceId);
        return builder;
    }

    /// <inheritdoc cref="FasterVlmServiceCollectionExtensions.AddFasterVlmChatCompletion(IServiceCollection, string, Action{FasterVlmOptions}?, string?)"/>
    public static IKernelBuilder AddFasterVlmChatCompletion(
        this IKernelBuilder builder, string model, Action<FasterVlmOptions>? configure = null, string? serviceId = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddFasterVlmChatCompletion(model, configure, serviceId);
        return builder;
    }

    /// <inheritdoc cref="FasterVlmServiceCollectionExtensions.AddFasterVlmChatCompletion(IServiceCollection, string, string, string?, Action{FasterVlmOptions}?)"/>
    public static IKernelBuilder AddFasterVlmChatCompletion(
        this IKernelBuilder builder, string modelPath, string projectorPath, string? serviceId = null,
        Action<FasterVlmOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddFasterVlmChatCompletion(modelPath, projectorPath, serviceId, configure);
        return builder;
    }

    /// <inheritdoc cref="FasterVlmServiceCollectionExtensions.AddFasterVlmChatCompletion(IServiceCollection, IConfiguration, string?)"/>
    public static IKernelBuilder AddFasterVlmChatCompletion(
        this IKernelBuilder builder, IConfiguration configuration, string? serviceId = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddFasterVlmChatCompletion(configuration, serviceId);
        return builder;
    }

    /// <inheritdoc cref="FasterVlmServiceCollectionExtensions.AddFasterVlmChatClient(IServiceCollection, Action{FasterVlmOptions}?, string?)"/>
    public static IKernelBuilder AddFasterVlmChatClient(
        this IKernelBuilder builder, Action<FasterVlmOptions>? configure = null, string? serviceId = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddFasterVlmChatClient(configure, serviceId);
        return builder;
    }

    /// <inheritdoc cref="FasterVlmServiceCollectionExtensions.AddFasterVlmChatClient(IServiceCollection, string, Action{FasterVlmOptions}?, string?)"/>
    public static IKernelBuilder AddFasterVlmChatClient(
        this IKernelBuilder builder, string model, Action<FasterVlmOptions>? configure = null, string? serviceId = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddFasterVlmChatClient(model, configure, serviceId);
        return builder;
    }

    /// <inheritdoc cref="FasterVlmServiceCollectionExtensions.AddFasterVlmChatClient(IServiceCollection, string, string, string?, Action{FasterVlmOptions}?)"/>
    public static IKernelBuilder AddFasterVlmChatClient(
        this IKernelBuilder builder, string modelPath, string projectorPath, string? serviceId = null,
        Action<FasterVlmOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddFasterVlmChatClient(modelPath, projectorPath, serviceId, configure);
        return builder;
    }

    /// <inheritdoc cref="FasterVlmServiceCollectionExtensions.AddFasterVlmChatClient(IServiceCollection, IConfiguration, string?)"/>
    public static IKernelBuilder AddFasterVlmChatClient(
        this IKernelBuilder builder, IConfiguration configuration, string? serviceId = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddFasterVlmChatClient(configuration, serviceId);
        return builder;
    }
}
