using SK.FasterVlm.Telemetry;

namespace SK.FasterVlm;

/// <summary>When a registered model is loaded.</summary>
public enum FasterVlmWarmUp
{
    /// <summary>With the first request (default).</summary>
    None,

    /// <summary>While the host starts, without holding it up; the "ready" health check says when it is done.</summary>
    Background,

    /// <summary>Before the host has started; a model that cannot be loaded keeps it from starting.</summary>
    BeforeStart,
}

/// <summary>
/// How a registered model is served, beside <see cref="FasterVlmOptions"/>, which say what it is. Named by the service id:
/// <c>services.Configure&lt;FasterVlmServiceOptions&gt;(serviceId, o =&gt; ...)</c>; without one, <c>Configure(o =&gt; ...)</c>.
/// </summary>
public sealed class FasterVlmServiceOptions
{
    /// <summary>When the model is loaded. Needs a host; a bare kernel loads with the first request.</summary>
    public FasterVlmWarmUp WarmUp { get; set; }

    /// <summary>Whether a host that stops lets running requests end, as long as its shutdown timeout allows (default true).</summary>
    public bool DrainOnStop { get; set; } = true;

    /// <summary>
    /// Whether requests are traced, measured and logged (default true): the GenAI conventions by the standard decorators, and our own
    /// instruments; all of them under <see cref="FasterVlmTelemetry.Name"/>. Costs next to nothing while nobody listens.
    /// </summary>
    public bool Telemetry { get; set; } = true;

    /// <summary>Whether traces hold what was said (default false). Pictures and answers can be private.</summary>
    public bool SensitiveTelemetry { get; set; }

    /// <summary>
    /// Whether the registered <see cref="Microsoft.Extensions.AI.IChatClient"/> invokes functions it is given (default true, as Semantic
    /// Kernel's own registrations do it). The Agent Framework and Semantic Kernel's chat completion service are right either way.
    /// </summary>
    public bool InvokeFunctions { get; set; } = true;

    /// <summary>Most rounds of automatic invocation in one request, 0 to 128 (default 128).</summary>
    public int MaxAutoInvokeRounds { get; set; } = FasterVlmChatCompletionService.DefaultMaxAutoInvokeRounds;

    /// <summary>
    /// Whether a model whose function failed is told the message of the exception (default true, as Semantic Kernel's own connectors do
    /// it), or only that it failed. What the model is told can end up in its answer.
    /// </summary>
    public bool FunctionErrorDetails { get; set; } = true;

    /// <summary>Checks every value.</summary>
    /// <exception cref="ArgumentException">A value is out of range; the message names it.</exception>
    public void Validate()
    {
        if (!Enum.IsDefined(WarmUp)) throw new ArgumentException($"WarmUp is {WarmUp}; it must be None, Background or BeforeStart.");
        if (MaxAutoInvokeRounds is < 0 or > FasterVlmChatCompletionService.DefaultMaxAutoInvokeRounds)
            throw new ArgumentException($"MaxAutoInvokeRounds is {MaxAutoInvokeRounds}; it must be 0 to {FasterVlmChatCompletionService.DefaultMaxAutoInvokeRounds}.");
    }
}
