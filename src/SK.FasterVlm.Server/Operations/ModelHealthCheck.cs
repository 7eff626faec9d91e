using Microsoft.Extensions.Diagnostics.HealthChecks;
using SK.FasterVlm.Server.Requests;

namespace SK.FasterVlm.Server.Operations;

/// <summary>Healthy once the model is loaded.</summary>
sealed class ModelHealthCheck(ServedModel model) : IHealthCheck
{
    /// <summary>Name and tag of the check.</summary>
    public const string Name = "fastervlm";

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(model.IsReady ? HealthCheckResult.Healthy("The model is loaded.") : new HealthCheckResult(context.Registration.FailureStatus, "The model is loading."));
}
