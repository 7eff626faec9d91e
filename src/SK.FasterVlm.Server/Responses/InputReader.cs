using System.Text.Json;
using Microsoft.Extensions.AI;
using SK.FasterVlm.Server.Protocol;
using SK.FasterVlm.Server.Requests;

namespace SK.FasterVlm.Server.Responses;

/// <summary>Reads <c>input</c>: a text, or items.</summary>
static class InputReader
{
    /// <summary>Reads the conversation.</summary>
    public static List<ChatMessage> Read(JsonFields body, ContentReader content)
    {
        JsonElement input = body.Required("input");
        if (input.ValueKind == JsonValueKind.String) return [new ChatMessage(ChatRole.User, content.Text(input, "input"))];
        IReadOnlyList<(JsonElement Element, string Path)> items = JsonFields.List(input, "input", content.Options.MaxMessages);
        return items.Count > 0
            ? [.. items.Select(i => Item(new JsonFields(i.Element, i.Path), content))]
            : throw ApiErrors.Value("input", "it is empty; send at least one item.", "empty_array");
    }

    static ChatMessage Item(JsonFields item, ContentReader content)
    {
        string type = item.Text("type") ?? "message";
        ChatMessage message = type switch
        {
            "message" => Message(item, content),
            "function_call" => Call(item, content),
            "function_call_output" => Output(item, content),
            "item_reference" => throw ApiErrors.UnsupportedValue(item.PathOf("type"), "is 'item_reference'; nothing is stored, send the items themselves"),
            _ => throw ApiErrors.UnsupportedValue(
                item.PathOf("type"), $"is '{Names.Printable(type)}'; only message, function_call and function_call_output are supported"),
        };
        // What the server's own output items carry, and clients send back.
        item.NoEffect("id");
        item.Word("status", "in_progress", "completed", "incomplete");
        item.End();
        return message;
    }

    static ChatMessage Message(JsonFields item, ContentReader content)
    {
        ChatRole role = (item.Word("role", "user", "assistant", "system", "developer") ?? throw ApiErrors.Missing(item.PathOf("role"))) switch
        {
            "user" => ChatRole.User,
            "assistant" => ChatRole.Assistant,
            _ => ChatRole.System,
        };
        return new ChatMessage(role, Contents(item, "content", content, images: role == ChatRole.User));
    }

    static ChatMessage Call(JsonFields item, ContentReader content)
    {
        string id = item.RequiredText("call_id", 256), name = ToolReader.Name(item), path = item.PathOf("arguments");
        string arguments = content.Text(item.Required("arguments"), path);
        return new ChatMessage(ChatRole.Assistant,
            [new FunctionCallContent(id, name, CallArguments.Read(arguments, path, content.Options.MaxJsonDepth))]);
    }

    static ChatMessage Output(JsonFields item, ContentReader content)
    {
        string id = item.RequiredText("call_id", 256);
        return new ChatMessage(ChatRole.Tool, [new FunctionResultContent(id, CallArguments.Result(Contents(item, "output", content, images: true)))]);
    }

    static List<AIContent> Contents(JsonFields item, string name, ContentReader content, bool images)
    {
        JsonElement value = item.Required(name);
        List<AIContent> contents = [];
        if (value.ValueKind == JsonValueKind.String)
        {
            contents.Add(new TextContent(content.Text(value, item.PathOf(name))));
            return contents;
        }
        foreach ((JsonElement element, string path) in JsonFields.List(value, item.PathOf(name), content.Options.MaxParts))
            Part(new JsonFields(element, path), content, contents, images);
        return contents.Count > 0 ? contents : throw ApiErrors.Value(item.PathOf(name), "it is empty.", "empty_array");
    }

    static void Part(JsonFields part, ContentReader content, List<AIContent> contents, bool images)
    {
        string type = part.RequiredText("type");
        switch (type)
        {
            case "input_text" or "output_text":
                contents.Add(new TextContent(content.Text(part.Required("text"), part.PathOf("text"))));
                part.Take("annotations"); // of an answer sent back
                part.Take("logprobs");
                break;
            case "refusal":
                contents.Add(new TextContent(content.Text(part.Required("refusal"), part.PathOf("refusal"))));
                break;
            case "input_image" when images:
                part.Refuse("file_id", "files are not stored; send the image as 'image_url'");
                string? detail = part.Word("detail", "low", "high", "auto");
                content.Image(contents, part.Required("image_url"), part.PathOf("image_url"), detail);
                break;
            case "input_image":
                throw ApiErrors.UnsupportedValue(part.PathOf("type"), "is 'input_image'; images belong to messages of the user or to outputs of a function");
            default:
                throw ApiErrors.UnsupportedValue(part.PathOf("type"), $"is '{Names.Printable(type)}'; only input_text, output_text and input_image are supported");
        }
        part.End();
    }
}
