using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.AI;

namespace SK.FasterVlm.Server.Requests;

/// <summary>
/// Runs a request once per choice, side by side: the engine evaluates their common prompt once and draws each with a seed of its own.
/// </summary>
static class Choices
{
    /// <summary>All choices, whole. The first that fails ends the others.</summary>
    public static async Task<IReadOnlyList<ChatResponse>> CompleteAsync(IChatClient client, ServedRequest request, CancellationToken cancellationToken)
    {
        if (request.Choices == 1) return [await client.GetResponseAsync(request.Messages, request.Options, cancellationToken).ConfigureAwait(false)];
        ChatResponse[] answers = new ChatResponse[request.Choices];
        await SideBySide.RunAsync(request.Choices, async (choice, token) =>
            answers[choice] = await client.GetResponseAsync(request.Messages, Options(request, choice), token).ConfigureAwait(false),
            cancellationToken).ConfigureAwait(false);
        return answers;
    }

    /// <summary>The pieces of all choices as they come.</summary>
    public static async IAsyncEnumerable<(int Choice, ChatResponseUpdate Update)> StreamAsync(
        IChatClient client, ServedRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (request.Choices == 1)
        {
            await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(request.Messages, request.Options, cancellationToken).ConfigureAwait(false))
                yield return (0, update);
            yield break;
        }
        using CancellationTokenSource others = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Channel<(int, ChatResponseUpdate)> updates = Channel.CreateUnbounded<(int, ChatResponseUpdate)>(new() { SingleReader = true });
        Task all = ForwardAllAsync(client, request, updates.Writer, others.Token);
        try
        {
            await foreach ((int, ChatResponseUpdate) update in updates.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
                yield return update;
        }
        finally
        {
            await others.CancelAsync().ConfigureAwait(false);
            await all.ConfigureAwait(false);
        }
    }

    /// <summary>Never throws: what goes wrong with one choice ends the channel.</summary>
    static async Task ForwardAllAsync(
        IChatClient client, ServedRequest request, ChannelWriter<(int, ChatResponseUpdate)> updates, CancellationToken cancellationToken)
    {
        await Task.WhenAll(Enumerable.Range(0, request.Choices).Select(async choice =>
        {
            try
            {
                await foreach (ChatResponseUpdate update in client
                    .GetStreamingResponseAsync(request.Messages, Options(request, choice), cancellationToken).ConfigureAwait(false))
                {
                    updates.TryWrite((choice, update));
                }
            }
            catch (Exception e)
            {
                updates.TryComplete(e);
            }
        })).ConfigureAwait(false);
        updates.TryComplete();
    }

    static ChatOptions Options(ServedRequest request, int choice)
    {
        ChatOptions options = request.Options.Clone();
        if (options.Seed is { } seed) options.Seed = (uint)(seed + choice); // wraps around
        return options;
    }
}
