using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Server.Protocol;
using SK.FasterVlm.Server.Requests;

namespace SK.FasterVlm.Server.ChatCompletions;

/// <summary>Writes one answer as chunks: role, pieces, finish reason, usage, <c>[DONE]</c>.</summary>
sealed class ChatStream(HttpContext context, ServedRequest request, ServedModel model)
{
    readonly string _id = ChatAnswers.NewId();
    readonly long _created = model.Now;
    UsageDetails? _usage;
    AdditionalPropertiesDictionary? _properties;
    ChatFinishReason? _finish;
    int _calls;

    /// <summary>Runs the request. What goes wrong before the first piece is thrown, later errors become the last event.</summary>
    public async Task RunAsync(RequestTime time)
    {
        IAsyncEnumerator<ChatResponseUpdate> updates = model.Client
            .GetStreamingResponseAsync(request.Messages, request.Options, time.Token).GetAsyncEnumerator(time.Token);
        await using (updates.ConfigureAwait(false))
        {
            bool more = await updates.MoveNextAsync().ConfigureAwait(false);
            using EventStream events = EventStream.Begin(context);
            try
            {
                await SendAsync(events, new ChunkDelta { Role = "assistant", Content = "" }).ConfigureAwait(false);
                for (; more; more = await updates.MoveNextAsync().ConfigureAwait(false)) await SendAsync(events, updates.Current).ConfigureAwait(false);
                await FinishAsync(events).ConfigureAwait(false);
            }
            catch (Exception e) when (!context.RequestAborted.IsCancellationRequested)
            {
                await events.SendAsync(ErrorEnvelope.Of(time.ToApiError(e)), ApiJson.Wire.ErrorEnvelope).ConfigureAwait(false);
            }
        }
    }

    async Task SendAsync(EventStream events, ChatResponseUpdate update)
    {
        _finish = update.FinishReason ?? _finish;
        _properties = update.AdditionalProperties ?? _properties;
        foreach (AIContent content in update.Contents)
        {
            switch (content)
            {
                case TextContent { Text.Length: > 0 } text:
                    await SendAsync(events, new ChunkDelta { Content = text.Text }).ConfigureAwait(false);
                    break;
                case FunctionCallContent call:
                    await SendAsync(events, call).ConfigureAwait(false);
                    break;
                case UsageContent usage:
                    _usage = usage.Details;
                    break;
            }
        }
    }

    /// <summary>A call: id, type and name first, then the arguments, as clients expect it.</summary>
    async Task SendAsync(EventStream events, FunctionCallContent call)
    {
        int index = _calls++;
        await SendAsync(events, new ChunkDelta { ToolCalls = [new(index, call.CallId, "function", new(call.Name, ""))] }).ConfigureAwait(false);
        await SendAsync(events, new ChunkDelta { ToolCalls = [new(index, null, null, new(null, CallArguments.Write(call.Arguments)))] }).ConfigureAwait(false);
    }

    async Task FinishAsync(EventStream events)
    {
        OwnReport? report = OwnReport.Of(_usage, _properties, request.Statistics);
        await SendAsync(events, new ChunkDelta(), ChatAnswers.Finish(_finish, _calls > 0), report).ConfigureAwait(false);
        if (request.IncludeUsage)
        {
            ChatChunkWithUsage last = new(_id, Kind, _created, model.Id, [], "default", model.Fingerprint, ChatAnswers.Usage(_usage));
            await events.SendAsync(last, ApiJson.Wire.ChatChunkWithUsage).ConfigureAwait(false);
        }
        await events.DoneAsync().ConfigureAwait(false);
    }

    Task SendAsync(EventStream events, ChunkDelta delta, string? finish = null, OwnReport? report = null)
    {
        ChunkChoice[] choices = [new(0, delta, null, finish)];
        return request.IncludeUsage
            ? events.SendAsync(
                new ChatChunkWithUsage(_id, Kind, _created, model.Id, choices, "default", model.Fingerprint, null) { Fastervlm = report },
                ApiJson.Wire.ChatChunkWithUsage)
            : events.SendAsync(
                new ChatChunk(_id, Kind, _created, model.Id, choices, "default", model.Fingerprint) { Fastervlm = report }, ApiJson.Wire.ChatChunk);
    }

    const string Kind = "chat.completion.chunk";
}
