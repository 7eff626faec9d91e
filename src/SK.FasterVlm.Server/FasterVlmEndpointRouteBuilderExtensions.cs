using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using SK.FasterVlm.Server;
using SK.FasterVlm.Server.ChatCompletions;
using SK.FasterVlm.Server.OpenApi;
using SK.FasterVlm.Server.Operations;
using SK.FasterVlm.Server.Page;
using SK.FasterVlm.Server.Protocol;
using SK.FasterVlm.Server.Responses;
using SK.FasterVlm.Server.Security;

namespace Microsoft.AspNetCore.Builder;

/// <summary>Maps the OpenAI-compatible endpoints.</summary>
public static class FasterVlmEndpointRouteBuilderExtensions
{
    /// <summary>
    /// Maps <c>/v1/chat/completions</c>, <c>/v1/responses</c>, <c>/v1/models</c>, <c>/health/live</c>, <c>/health/ready</c> and <c>/metrics</c>, and
    /// the OpenAPI document of them at <c>/openapi/v1.json</c>. Every one stands behind the checks of
    /// <see cref="SK.FasterVlm.Server.FasterVlmServerOptions"/>: host, origin, key, body.
    /// </summary>
    /// <param name="endpoints">The application, in which <c>AddFasterVlmServer</c> was called.</param>
    /// <returns>For further conventions, such as <c>RequireAuthorization()</c>.</returns>
    public static IEndpointConventionBuilder MapFasterVlmOpenAI(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        IServiceProvider services = endpoints.ServiceProvider;
        RequestGuard guard = services.GetService<RequestGuard>()
            ?? throw new InvalidOperationException("Call builder.Services.AddFasterVlmServer() before app.MapFasterVlmOpenAI().");
        RouteGroupBuilder group = endpoints.MapGroup("");
        // Last of all conventions, so that the guard stands before whatever else an endpoint is wrapped in.
        ((IEndpointConventionBuilder)group).Finally(endpoint =>
        {
            RequestDelegate inner = endpoint.RequestDelegate!;
            bool withoutKey = endpoint.Metadata.OfType<WithoutKey>().Any();
            endpoint.RequestDelegate = context => guard.InvokeAsync(context, inner, withoutKey);
        });

        ModelsEndpoint models = services.GetRequiredService<ModelsEndpoint>();
        group.MapPost("/v1/chat/completions", services.GetRequiredService<ChatCompletionsEndpoint>().HandleAsync);
        group.MapPost("/v1/responses", services.GetRequiredService<ResponsesEndpoint>().HandleAsync);
        group.MapGet("/v1/models", models.ListAsync);
        group.MapGet("/v1/models/{**id}", models.GetAsync);
        group.Map("/v1/{**rest}", static context => throw ApiErrors.Address(context.Request.Method, context.Request.Path))
            .ExcludeFromDescription();
        group.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = static _ => false }).WithMetadata(new WithoutKey());
        group.MapHealthChecks("/health/ready", new HealthCheckOptions { Predicate = static c => c.Tags.Contains(ModelHealthCheck.Name) })
            .WithMetadata(new WithoutKey());
        group.MapPrometheusScrapingEndpoint("/metrics");
        // After every other endpoint, so that an application keeps its own document (MapOpenApi).
        group.MapGet("/openapi/v1.json", services.GetRequiredService<ApiDocument>().HandleAsync).ExcludeFromDescription().WithOrder(int.MaxValue);
        if (services.GetRequiredService<IOptions<FasterVlmServerOptions>>().Value.ServePage) PageFiles.Map(group);
        return group;
    }
}
