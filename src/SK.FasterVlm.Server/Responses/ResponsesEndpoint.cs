using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Server.ChatCompletions;
using SK.FasterVlm.Server.Protocol;
using SK.FasterVlm.Server.Requests;

namespace SK.FasterVlm.Server.Responses;

/// <summary><c>POST /v1/responses</c>, stateless.</summary>
sealed class ResponsesEndpoint(RequestPipeline pipeline)
{
    /// <summary>Answers one request.</summary>
    public Task HandleAsync(HttpContext context)
    {
        ResponseEcho echo = new();
        return pipeline.RunAsync(context, ParameterNames.Responses, (json, content) => ResponseRequestReader.Read(json, content, e => echo = e), async (request, time) =>
        {
            ServedModel model = pipeline.Model;
            if (request.Stream)
            {
                await new ResponseStream(context, request, model, echo).RunAsync(time).ConfigureAwait(false);
                return;
            }
            ChatResponse answer = await model.Client.GetResponseAsync(request.Messages, request.Options, time.Token).ConfigureAwait(false);
            await Answers.WriteAsync(context.Response, Whole(answer, new ResponseBuilder(request, model, echo)), ApiJson.Wire.ResponseObject).ConfigureAwait(false);
        });
    }

    static ResponseObject Whole(ChatResponse answer, ResponseBuilder response)
    {
        response.Note(answer.FinishReason, answer.AdditionalProperties, answer.Usage);
        List<AIContent> contents = [.. answer.Messages.SelectMany(static m => m.Contents)];
        string text = string.Concat(contents.OfType<TextContent>().Select(static t => t.Text));
        FunctionCallContent[] calls = [.. contents.OfType<FunctionCallContent>()];
        if (text.Length > 0 || calls.Length == 0)
            response.Add(response.Message(ResponseBuilder.NewId("msg"), text, ChatLogprobs.Tokens(answer.AdditionalProperties)));
        foreach (FunctionCallContent call in calls) response.Add(ResponseBuilder.Call(ResponseBuilder.NewId("fc"), call));
        return response.Ended();
    }
}
