using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Server.Protocol;
using SK.FasterVlm.Server.Requests;

namespace SK.FasterVlm.Server.ChatCompletions;

/// <summary><c>POST /v1/chat/completions</c>.</summary>
sealed class ChatCompletionsEndpoint(RequestPipeline pipeline)
{
    /// <summary>Answers one request.</summary>
    public Task HandleAsync(HttpContext context) => pipeline.RunAsync(context, ParameterNames.Chat, ChatRequestReader.Read, async (request, time) =>
    {
        ServedModel model = pipeline.Model;
        if (request.Stream)
        {
            await new ChatStream(context, request, model).RunAsync(time).ConfigureAwait(false);
            return;
        }
        IReadOnlyList<ChatResponse> responses = await Choices.CompleteAsync(model.Client, request, time.Token).ConfigureAwait(false);
        await Answers.WriteAsync(context.Response, ChatAnswers.Completion(responses, request, model), ApiJson.Wire.ChatCompletion).ConfigureAwait(false);
    });
}
