using Microsoft.Extensions.Diagnostics.HealthChecks;
using SK.FasterVlm;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Health checks of a registered model.</summary>
public static class FasterVlmHealthChecks
{
    /// <summary>
    /// Adds <c>fastervlm_live</c> (tag <c>live</c>: the process can still serve) and <c>fastervlm_ready</c> (tag <c>ready</c>: it can serve now);
    /// with a service id, <c>fastervlm_{id}_live</c> and so on. Map them to two addresses by their tags.
    /// </summary>
    /// <param name="builder">The health checks.</param>
    /// <param name="serviceId">Of the model; null for the default one.</param>
    public static IHealthChecksBuilder AddFasterVlm(this IHealthChecksBuilder builder, string? serviceId = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        string name = serviceId is null ? "fastervlm" : $"fastervlm_{serviceId}";
        return builder
            .Add(new HealthCheckRegistration($"{name}_live", p => new LiveCheck(p.GetRequiredKeyedService<FasterVlmModelHost>(serviceId)), null, ["live"]))
            .Add(new HealthCheckRegistration($"{name}_ready",
                p => new ReadyCheck(p.GetRequiredKeyedService<FasterVlmModelHost>(serviceId), p.GetRequiredKeyedService<FasterVlmLifetime>(serviceId)), null, ["ready"]));
    }

    // A failed load is tried again, so that only the end of the process ends its life.
    sealed class LiveCheck(FasterVlmModelHost host) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
            Task.FromResult(host.State == FasterVlmModelState.Disposed
                ? new HealthCheckResult(context.Registration.FailureStatus, "The model is disposed.")
                : HealthCheckResult.Healthy($"{host.ModelId}: {host.State}"));
    }

    sealed class ReadyCheck(FasterVlmModelHost host, FasterVlmLifetime lifetime) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            HealthCheckResult Bad(string text, Exception? error = null) => new(context.Registration.FailureStatus, $"{host.ModelId}: {text}", error);
            return Task.FromResult(host.State switch
            {
                _ when lifetime.IsStopping => Bad("the host is stopping"),
                FasterVlmModelState.Disposed => Bad("the model is disposed"),
                FasterVlmModelState.Failed => Bad($"loading failed: {host.LoadError?.Message}", host.LoadError),
                _ when lifetime.IsWarming => Bad("warming up"),
                FasterVlmModelState.Loading => HealthCheckResult.Degraded($"{host.ModelId}: loading; requests wait"),
                FasterVlmModelState.NotLoaded => HealthCheckResult.Healthy($"{host.ModelId}: loads with the first request"),
                _ => HealthCheckResult.Healthy($"{host.ModelId}: loaded"),
            });
        }
    }
}
