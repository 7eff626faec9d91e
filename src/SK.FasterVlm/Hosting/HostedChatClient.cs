using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Chat;

namespace SK.FasterVlm;

/// <summary>The chat client a container gives out: loads the model with the first request.</summary>
sealed class HostedChatClient(FasterVlmModelHost host) : IChatClient
{
    readonly ChatClientMetadata _metadata = new("fastervlm", null, host.ModelId);

    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        using InFlightRequests.Request _ = host.InFlight.Begin();
        FasterVlmModel model = await host.GetModelAsync(cancellationToken).ConfigureAwait(false);
        using FasterVlmChatClient client = model.CreateChatClient();
        return await client.GetResponseAsync(messages, options, cancellationToken).ConfigureAwait(false);
    }

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using InFlightRequests.Request _ = host.InFlight.Begin();
        FasterVlmModel model = await host.GetModelAsync(cancellationToken).ConfigureAwait(false);
        using FasterVlmChatClient client = model.CreateChatClient();
        await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(messages, options, cancellationToken).ConfigureAwait(false))
            yield return update;
    }

    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null) return null;
        if (serviceType == typeof(ChatClientMetadata)) return _metadata;
        if (serviceType == typeof(FasterVlmModelHost)) return host;
        if (serviceType.IsInstanceOfType(this)) return this;
        return host.Loaded?.CreateChatClient().GetService(serviceType);
    }

    /// <summary>Does nothing: the host is the container's.</summary>
    public void Dispose() { }
}
