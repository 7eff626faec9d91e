using System.Diagnostics.Metrics;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;

namespace SK.FasterVlm.Telemetry;

/// <summary>
/// What a request cost the machine, as instruments and tags of the request's span, beside the GenAI conventions (which
/// <c>UseOpenTelemetry</c> measures). Registered services use it; a client made by hand takes <see cref="UseFasterVlmTelemetry"/>.
/// </summary>
public static class FasterVlmTelemetry
{
    /// <summary>Name of the meter and of the activity source: <c>AddMeter</c>, <c>AddSource</c>.</summary>
    public const string Name = "SK.FasterVlm";

    /// <summary>Counter, {token}: visual tokens the language model was given.</summary>
    public const string VisualTokensKept = "fastervlm.visual_tokens.kept";

    /// <summary>Counter, {token}: visual tokens there would have been without pruning.</summary>
    public const string VisualTokensTotal = "fastervlm.visual_tokens.total";

    /// <summary>Histogram, s: time in the vision tower, projector and preprocessing, summed over the images of a request.</summary>
    public const string EncodeDuration = "fastervlm.encode.duration";

    /// <summary>Histogram, s: evaluating the prompt.</summary>
    public const string PrefillDuration = "fastervlm.prefill.duration";

    /// <summary>Histogram, s: waiting for the model.</summary>
    public const string QueueDuration = "fastervlm.queue.duration";

    /// <summary>Counter, {token}: tokens of prompts that were taken from the prefix cache instead of being evaluated.</summary>
    public const string CachedTokens = "fastervlm.cache.prompt_tokens";

    /// <summary>Counter, {image}: images that were taken from the image cache instead of being encoded.</summary>
    public const string CachedImages = "fastervlm.cache.images";

    /// <summary>Adds the instruments. Put it inside (after) <c>UseOpenTelemetry</c>, whose span it writes its tags on.</summary>
    /// <param name="builder">The pipeline.</param>
    /// <param name="meters">Makes the meter; null takes the container's factory, or a meter of its own.</param>
    public static ChatClientBuilder UseFasterVlmTelemetry(this ChatClientBuilder builder, IMeterFactory? meters = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Use((inner, services) => new MeasuringChatClient(inner, meters ?? services.GetService<IMeterFactory>()));
    }
}
